# What packets are for, in the namespace. WORK: the scenario. SEGMENTS: of a policy, separated by commas.
set -e
via="via 2001:db8:ffff:2::2 dev out"
for node in 2 3 4 5 6 7 8 9 a b; do
    ip -6 route add "fc00:0:$node::/48" $via
done
case $WORK in
encaps-*) target="encap seg6 mode encap segs $SEGMENTS dev out" ;;
*) target=$via ;;
esac
for index in 1 2 3 4 5 6 7 8; do
    # shellcheck disable=SC2086 # words
    ip -6 route add "2001:db8:$index::/48" $target
done
case $WORK in
end | srh-*) ip -6 route add fc00:0:1:100::/128 encap seg6local action End dev out ;;
end-psp) ip -6 route add fc00:0:1:101::/128 encap seg6local action End flavors psp dev out ;;
dt6 | dt6-srh) ip -6 route add fc00:0:1:d6::/128 encap seg6local action End.DT6 table 254 dev out ;;
esac
