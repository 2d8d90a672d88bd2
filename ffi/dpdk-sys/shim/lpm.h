/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's own lookup tables: rte_fib6, rte_fib and rte_lpm6. Their interface differs between the releases (IPv6
 * addresses have a type of their own since 24.11), this one does not. An IPv6 address is 16 octets, an IPv4 address
 * a number in host order.
 */
#ifndef DPDK_SHIM_LPM_H
#define DPDK_SHIM_LPM_H

#include <stdbool.h>
#include <stdint.h>

enum dpdk_shim_lpm_constant {
	/* rte_lpm6 keeps its next hops in so many bits. */
	DPDK_SHIM_LPM6_NEXT_HOP_BITS = 21,
};

struct dpdk_shim_table_config {
	const char *name;
	int32_t socket_id; /* -1: any */
	uint32_t max_routes; /* at most INT32_MAX */
	uint32_t num_tbl8;
	uint32_t no_route; /* found where there is no route; not with rte_lpm6 */
};

/* Opaque; NULL on failure, with rte_errno. Next hops have 4 bytes, of which DPDK takes a bit. */
struct rte_fib;
struct rte_fib6;
struct rte_lpm6;
struct rte_fib6 *dpdk_shim_fib6_create(const struct dpdk_shim_table_config *config);
struct rte_fib *dpdk_shim_fib_create(const struct dpdk_shim_table_config *config);
struct rte_lpm6 *dpdk_shim_lpm6_create(const struct dpdk_shim_table_config *config);

void dpdk_shim_fib6_free(struct rte_fib6 *table);
void dpdk_shim_fib_free(struct rte_fib *table);
void dpdk_shim_lpm6_free(struct rte_lpm6 *table);

/* All below: 0, or a negative error number. */
int dpdk_shim_fib6_select(struct rte_fib6 *table, bool avx512);
int dpdk_shim_fib_select(struct rte_fib *table, bool avx512);

int dpdk_shim_fib6_add(struct rte_fib6 *table, const uint8_t prefix[16], uint8_t len, uint64_t next_hop);
int dpdk_shim_fib_add(struct rte_fib *table, uint32_t prefix, uint8_t len, uint64_t next_hop);
int dpdk_shim_lpm6_add(struct rte_lpm6 *table, const uint8_t prefix[16], uint8_t len, uint32_t next_hop);

int dpdk_shim_fib6_delete(struct rte_fib6 *table, const uint8_t prefix[16], uint8_t len);
int dpdk_shim_fib_delete(struct rte_fib *table, uint32_t prefix, uint8_t len);
int dpdk_shim_lpm6_delete(struct rte_lpm6 *table, const uint8_t prefix[16], uint8_t len);

int dpdk_shim_fib6_lookup(struct rte_fib6 *table, const uint8_t (*addresses)[16], uint64_t *next_hops,
	uint32_t count);
int dpdk_shim_fib_lookup(struct rte_fib *table, const uint32_t *addresses, uint64_t *next_hops, uint32_t count);
/* -1 where there is no route. */
int dpdk_shim_lpm6_lookup(const struct rte_lpm6 *table, const uint8_t (*addresses)[16], int32_t *next_hops,
	uint32_t count);

/* What is allocated on DPDK's heaps of all sockets, in bytes. */
uint64_t dpdk_shim_heap_bytes(void);

#endif
