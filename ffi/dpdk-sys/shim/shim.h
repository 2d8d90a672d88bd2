/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Rust cannot reach in libdpdk by itself: inline functions, macros, thread-local variables, and
 * structures whose layout differs between DPDK 22.11 and 25.11. The structures here are our own, filled
 * by the shim, which is compiled against the installed headers; so the Rust side is the same for all releases.
 */
#ifndef DPDK_SHIM_H
#define DPDK_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_version.h>

/* Limits and error numbers of the build, as constants that bindgen can evaluate. */
enum dpdk_shim_constant {
	DPDK_SHIM_HEADROOM_BYTES = RTE_PKTMBUF_HEADROOM,
	DPDK_SHIM_MEMPOOL_CACHE_MAX = RTE_MEMPOOL_CACHE_MAX_SIZE,
	DPDK_SHIM_MAX_PORTS = RTE_MAX_ETHPORTS,
	DPDK_SHIM_MAX_QUEUES_PER_PORT = RTE_MAX_QUEUES_PER_PORT,
	DPDK_SHIM_MAX_LCORES = RTE_MAX_LCORE,
	DPDK_SHIM_MBUF_PORT_INVALID = RTE_MBUF_PORT_INVALID,
	DPDK_SHIM_ENODEV = ENODEV,
	DPDK_SHIM_EINVAL = EINVAL,
	DPDK_SHIM_ENOTSUP = ENOTSUP,
	DPDK_SHIM_ENOSYS = ENOSYS,
};

/*
 * Where the fields of struct rte_mbuf lie. Newer releases put them into anonymous unions, which would
 * change the paths that bindgen generates; an offset has no path.
 */
enum dpdk_shim_mbuf_offset {
	DPDK_SHIM_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr),
	DPDK_SHIM_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off),
	DPDK_SHIM_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs),
	DPDK_SHIM_MBUF_PORT = offsetof(struct rte_mbuf, port),
	DPDK_SHIM_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len),
	DPDK_SHIM_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len),
	DPDK_SHIM_MBUF_BUF_LEN = offsetof(struct rte_mbuf, buf_len),
};

/* What an Ethernet device says about itself. */
struct dpdk_shim_device_info {
	char driver_name[64];
	int32_t socket_id; /* -1: unknown */
	uint32_t if_index; /* 0: none */
	uint16_t min_mtu;
	uint16_t max_mtu; /* UINT16_MAX: the driver does not say */
	uint32_t max_rx_frame_bytes;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint16_t rx_descriptors_min, rx_descriptors_max, rx_descriptors_align;
	uint16_t tx_descriptors_min, tx_descriptors_max, tx_descriptors_align;
	bool rss; /* can spread IP flows over queues */
	bool rx_scatter;
	bool tx_multi_segment;
};

struct dpdk_shim_port_config {
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint32_t mtu; /* 0: the default */
	bool rss;
	bool multi_segment;
};

struct dpdk_shim_link {
	uint32_t speed_mbps; /* UINT32_MAX: unknown, 0: none */
	bool up;
	bool full_duplex;
	bool autonegotiated;
};

struct dpdk_shim_statistics {
	uint64_t rx_packets, tx_packets;
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_missed, rx_errors, rx_no_mbuf;
	uint64_t tx_errors;
};

/* rte_errno of the calling thread. */
int dpdk_shim_errno(void);

/* True when the calling thread has an lcore id, and so a mempool cache. */
bool dpdk_shim_has_lcore(void);

/* Lines that DPDK logs from now on go to this function; call before rte_eal_init. 0, or -1 on failure. */
typedef void (*dpdk_shim_log_fn)(uint32_t level, const char *text, size_t bytes);
int dpdk_shim_log_to(dpdk_shim_log_fn sink);

struct rte_mbuf *dpdk_shim_mbuf_alloc(struct rte_mempool *pool);
void dpdk_shim_mbuf_free(struct rte_mbuf *mbuf);
void dpdk_shim_mbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int count);
/* Shortens a packet of any number of segments to `bytes`, freeing segments that become empty. */
void dpdk_shim_mbuf_truncate(struct rte_mbuf *mbuf, uint32_t bytes);
int dpdk_shim_mbuf_linearize(struct rte_mbuf *mbuf);

uint16_t dpdk_shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
uint16_t dpdk_shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);

uint64_t dpdk_shim_tsc(void);
uint64_t dpdk_shim_tsc_hz(void);

/* All below: 0, or a negative error number. */
int dpdk_shim_device_info(uint16_t port, struct dpdk_shim_device_info *out);
int dpdk_shim_configure(uint16_t port, const struct dpdk_shim_port_config *config);
int dpdk_shim_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors,
	unsigned int socket, struct rte_mempool *pool);
int dpdk_shim_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned int socket);
int dpdk_shim_link(uint16_t port, struct dpdk_shim_link *out);
int dpdk_shim_statistics(uint16_t port, struct dpdk_shim_statistics *out);
int dpdk_shim_mac(uint16_t port, uint8_t out[6]);
int dpdk_shim_set_mac(uint16_t port, const uint8_t mac[6]);
/* Finds the first port of the bus device `name`, or the port of that very name. */
int dpdk_shim_find_port(const char *name, uint16_t *out);
/* Closes the port; takes the device off its bus too, unless another port uses it. */
int dpdk_shim_close(uint16_t port);

#endif
