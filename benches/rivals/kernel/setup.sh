# The kernel's own seat: a flood into one veth, a namespace that forwards, and another veth whose packets are counted
# and dropped. NS: the namespace. IN, OUT: the veths outside. WORKERS: the mask of the core that forwards.
set -e
ip netns add "$NS"
ip link add "$IN" type veth peer name in netns "$NS"
ip link add "$OUT" type veth peer name out netns "$NS"
for link in "$IN" "$OUT"; do
    sysctl -qw "net.ipv6.conf.$link.disable_ipv6=1"
    ip link set "$link" mtu 9600 up
done
ip netns exec "$NS" sh -e <<INSIDE
sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
sysctl -qw net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.in.seg6_enabled=1
ip link set lo up
ip link set in address 02:00:00:00:00:0a mtu 9600 up
ip link set out mtu 9600 up
ip address add 2001:db8:ffff:1::1/64 dev in nodad
ip address add 2001:db8:ffff:2::1/64 dev out nodad
ip neighbor add 2001:db8:ffff:2::2 lladdr 02:00:00:00:02:00 dev out
# Forwarding runs where the first packet is handled: on the worker's core, not on the generator's.
echo "$WORKERS" >/sys/class/net/in/queues/rx-0/rps_cpus
INSIDE
# Whoever counts should not cost anything that a NIC would not. Without this classifier the packets reach a stack that
# has no IPv6 on this link, and end there.
tc qdisc add dev "$OUT" clsact 2>/dev/null &&
    tc filter add dev "$OUT" ingress matchall action drop 2>/dev/null || :
