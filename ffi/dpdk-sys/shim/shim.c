/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* fopencookie */
#include "shim.h"

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_log.h>

int
dpdk_shim_errno(void)
{
	return rte_errno;
}

bool
dpdk_shim_has_lcore(void)
{
	return rte_lcore_id() != LCORE_ID_ANY;
}

static dpdk_shim_log_fn log_sink;

static ssize_t
log_write(void *cookie, const char *text, size_t bytes)
{
	(void)cookie;
	/* rte_vlog flushes after each message, in its own thread: the level is that message's. */
	int level = rte_log_cur_msg_loglevel();
	log_sink(level < 0 ? RTE_LOG_INFO : (uint32_t)level, text, bytes);
	return (ssize_t)bytes;
}

int
dpdk_shim_log_to(dpdk_shim_log_fn sink)
{
	cookie_io_functions_t functions = { .write = log_write };
	log_sink = sink;
	FILE *stream = fopencookie(NULL, "w", functions);
	return stream == NULL ? -1 : rte_openlog_stream(stream);
}

struct rte_mbuf *
dpdk_shim_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

void
dpdk_shim_mbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

void
dpdk_shim_mbuf_free_bulk(struct rte_mbuf **mbufs, unsigned int count)
{
	rte_pktmbuf_free_bulk(mbufs, count);
}

void
dpdk_shim_mbuf_truncate(struct rte_mbuf *mbuf, uint32_t bytes)
{
	if (bytes >= mbuf->pkt_len)
		return;
	uint32_t left = bytes;
	uint16_t segments = 1;
	struct rte_mbuf *last = mbuf;
	while (left > last->data_len) {
		left -= last->data_len;
		last = last->next;
		segments++;
	}
	last->data_len = (uint16_t)left;
	struct rte_mbuf *rest = last->next;
	last->next = NULL;
	mbuf->nb_segs = segments;
	mbuf->pkt_len = bytes;
	while (rest != NULL) {
		struct rte_mbuf *next = rest->next;
		rte_pktmbuf_free_seg(rest);
		rest = next;
	}
}

int
dpdk_shim_mbuf_linearize(struct rte_mbuf *mbuf)
{
	return rte_pktmbuf_linearize(mbuf);
}

uint16_t
dpdk_shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, mbufs, count);
}

uint16_t
dpdk_shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, mbufs, count);
}

uint64_t
dpdk_shim_tsc(void)
{
	return rte_rdtsc();
}

uint64_t
dpdk_shim_tsc_hz(void)
{
	return rte_get_tsc_hz();
}

/* The flows that the receive queues are chosen by: addresses, and ports where there are any. */
#define RSS_FLOWS (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP)

int
dpdk_shim_device_info(uint16_t port, struct dpdk_shim_device_info *out)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);
	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	if (info.driver_name != NULL)
		snprintf(out->driver_name, sizeof(out->driver_name), "%s", info.driver_name);
	out->socket_id = rte_eth_dev_socket_id(port);
	out->if_index = info.if_index;
	out->min_mtu = info.min_mtu;
	out->max_mtu = info.max_mtu;
	out->max_rx_frame_bytes = info.max_rx_pktlen;
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	out->rx_descriptors_min = info.rx_desc_lim.nb_min;
	out->rx_descriptors_max = info.rx_desc_lim.nb_max;
	out->rx_descriptors_align = info.rx_desc_lim.nb_align;
	out->tx_descriptors_min = info.tx_desc_lim.nb_min;
	out->tx_descriptors_max = info.tx_desc_lim.nb_max;
	out->tx_descriptors_align = info.tx_desc_lim.nb_align;
	out->rss = (info.flow_type_rss_offloads & RSS_FLOWS) != 0;
	out->rx_scatter = (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	out->tx_multi_segment = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	return 0;
}

int
dpdk_shim_configure(uint16_t port, const struct dpdk_shim_port_config *config)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int rc = rte_eth_dev_info_get(port, &info);
	if (rc != 0)
		return rc;
	memset(&conf, 0, sizeof(conf));
	conf.rxmode.mtu = config->mtu;
	if (config->rss) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & RSS_FLOWS;
	}
	if (config->multi_segment) {
		conf.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
		conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	}
	return rte_eth_dev_configure(port, config->rx_queues, config->tx_queues, &conf);
}

int
dpdk_shim_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors,
	unsigned int socket, struct rte_mempool *pool)
{
	/* No queue configuration of our own: the driver's defaults, with the port's offloads. */
	return rte_eth_rx_queue_setup(port, queue, descriptors, socket, NULL, pool);
}

int
dpdk_shim_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, unsigned int socket)
{
	return rte_eth_tx_queue_setup(port, queue, descriptors, socket, NULL);
}

int
dpdk_shim_link(uint16_t port, struct dpdk_shim_link *out)
{
	struct rte_eth_link link;
	memset(&link, 0, sizeof(link));
	int rc = rte_eth_link_get_nowait(port, &link);
	if (rc != 0)
		return rc;
	out->speed_mbps = link.link_speed;
	out->up = link.link_status == RTE_ETH_LINK_UP;
	out->full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	out->autonegotiated = link.link_autoneg == RTE_ETH_LINK_AUTONEG;
	return 0;
}

int
dpdk_shim_statistics(uint16_t port, struct dpdk_shim_statistics *out)
{
	struct rte_eth_stats stats;
	int rc = rte_eth_stats_get(port, &stats);
	if (rc != 0)
		return rc;
	out->rx_packets = stats.ipackets;
	out->tx_packets = stats.opackets;
	out->rx_bytes = stats.ibytes;
	out->tx_bytes = stats.obytes;
	out->rx_missed = stats.imissed;
	out->rx_errors = stats.ierrors;
	out->rx_no_mbuf = stats.rx_nombuf;
	out->tx_errors = stats.oerrors;
	return 0;
}

int
dpdk_shim_mac(uint16_t port, uint8_t out[6])
{
	struct rte_ether_addr address;
	int rc = rte_eth_macaddr_get(port, &address);
	if (rc == 0)
		memcpy(out, address.addr_bytes, RTE_ETHER_ADDR_LEN);
	return rc;
}

int
dpdk_shim_set_mac(uint16_t port, const uint8_t mac[6])
{
	struct rte_ether_addr address;
	memcpy(address.addr_bytes, mac, RTE_ETHER_ADDR_LEN);
	return rte_eth_dev_default_mac_addr_set(port, &address);
}

/* The name of a bus device: an accessor since 22.11, where struct rte_device became private. */
static const char *
device_name(const struct rte_device *device)
{
	return device == NULL ? "" : rte_dev_name(device);
}

int
dpdk_shim_find_port(const char *name, uint16_t *out)
{
	if (rte_eth_dev_get_port_by_name(name, out) == 0)
		return 0;
	uint16_t port;
	RTE_ETH_FOREACH_DEV(port) {
		struct rte_eth_dev_info info;
		if (rte_eth_dev_info_get(port, &info) == 0 && strcmp(device_name(info.device), name) == 0) {
			*out = port;
			return 0;
		}
	}
	return -ENODEV;
}

int
dpdk_shim_close(uint16_t port)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_close(port);
	if (rc != 0)
		return rc;
	uint16_t other;
	RTE_ETH_FOREACH_DEV(other) {
		struct rte_eth_dev_info sibling;
		if (rte_eth_dev_info_get(other, &sibling) == 0 && sibling.device == info.device)
			return 0;
	}
	return info.device == NULL ? 0 : rte_dev_remove(info.device);
}
