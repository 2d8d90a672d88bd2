/* SPDX-License-Identifier: Apache-2.0 */
#include "lpm.h"

#include <rte_config.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>
#include <rte_version.h>

/* No table changes the addresses that it is asked about, but not every release says so in its types. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define IP6(octets) ((const struct rte_ipv6_addr *)(octets))
#define IP6_LIST(octets) ((struct rte_ipv6_addr *)(uintptr_t)(octets))
#else
#define IP6(octets) (octets)
#define IP6_LIST(octets) ((uint8_t (*)[16])(uintptr_t)(octets))
#endif

struct rte_fib6 *
dpdk_shim_fib6_create(const struct dpdk_shim_table_config *config)
{
	struct rte_fib6_conf conf = {
		.type = RTE_FIB6_TRIE,
		.default_nh = config->no_route,
		.max_routes = (int)config->max_routes,
		.trie = { .nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = config->num_tbl8 },
	};
	return rte_fib6_create(config->name, config->socket_id, &conf);
}

struct rte_fib *
dpdk_shim_fib_create(const struct dpdk_shim_table_config *config)
{
	struct rte_fib_conf conf = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = config->no_route,
		.max_routes = (int)config->max_routes,
		.dir24_8 = { .nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = config->num_tbl8 },
	};
	return rte_fib_create(config->name, config->socket_id, &conf);
}

struct rte_lpm6 *
dpdk_shim_lpm6_create(const struct dpdk_shim_table_config *config)
{
	struct rte_lpm6_config conf = {
		.max_rules = config->max_routes,
		.number_tbl8s = config->num_tbl8,
	};
	return rte_lpm6_create(config->name, config->socket_id, &conf);
}

void
dpdk_shim_fib6_free(struct rte_fib6 *table)
{
	rte_fib6_free(table);
}

void
dpdk_shim_fib_free(struct rte_fib *table)
{
	rte_fib_free(table);
}

void
dpdk_shim_lpm6_free(struct rte_lpm6 *table)
{
	rte_lpm6_free(table);
}

int
dpdk_shim_fib6_select(struct rte_fib6 *table, bool avx512)
{
	return rte_fib6_select_lookup(table,
		avx512 ? RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512 : RTE_FIB6_LOOKUP_TRIE_SCALAR);
}

int
dpdk_shim_fib_select(struct rte_fib *table, bool avx512)
{
	return rte_fib_select_lookup(table,
		avx512 ? RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512 : RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO);
}

int
dpdk_shim_fib6_add(struct rte_fib6 *table, const uint8_t prefix[16], uint8_t len, uint64_t next_hop)
{
	return rte_fib6_add(table, IP6(prefix), len, next_hop);
}

int
dpdk_shim_fib_add(struct rte_fib *table, uint32_t prefix, uint8_t len, uint64_t next_hop)
{
	return rte_fib_add(table, prefix, len, next_hop);
}

int
dpdk_shim_lpm6_add(struct rte_lpm6 *table, const uint8_t prefix[16], uint8_t len, uint32_t next_hop)
{
	return rte_lpm6_add(table, IP6(prefix), len, next_hop);
}

int
dpdk_shim_fib6_delete(struct rte_fib6 *table, const uint8_t prefix[16], uint8_t len)
{
	return rte_fib6_delete(table, IP6(prefix), len);
}

int
dpdk_shim_fib_delete(struct rte_fib *table, uint32_t prefix, uint8_t len)
{
	return rte_fib_delete(table, prefix, len);
}

int
dpdk_shim_lpm6_delete(struct rte_lpm6 *table, const uint8_t prefix[16], uint8_t len)
{
	return rte_lpm6_delete(table, IP6(prefix), len);
}

int
dpdk_shim_fib6_lookup(struct rte_fib6 *table, const uint8_t (*addresses)[16], uint64_t *next_hops,
	uint32_t count)
{
	return rte_fib6_lookup_bulk(table, IP6_LIST(addresses), next_hops, (int)count);
}

int
dpdk_shim_fib_lookup(struct rte_fib *table, const uint32_t *addresses, uint64_t *next_hops, uint32_t count)
{
	return rte_fib_lookup_bulk(table, (uint32_t *)(uintptr_t)addresses, next_hops, (int)count);
}

int
dpdk_shim_lpm6_lookup(const struct rte_lpm6 *table, const uint8_t (*addresses)[16], int32_t *next_hops,
	uint32_t count)
{
	return rte_lpm6_lookup_bulk_func(table, IP6_LIST(addresses), next_hops, count);
}

uint64_t
dpdk_shim_heap_bytes(void)
{
	uint64_t bytes = 0;
	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		struct rte_malloc_socket_stats stats;
		if (rte_malloc_get_socket_stats(socket, &stats) == 0)
			bytes += stats.heap_allocsz_bytes;
	}
	return bytes;
}
