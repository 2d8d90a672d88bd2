-- SRv6 End.DT6: IPv6 in IPv6, to a SID that decapsulates.
-- pktgen must have been started with the capture of this scenario: scripts/pktgen/run does that.
local directory = os.getenv("MEXFWD_PKTGEN") or "."
package.path = package.path .. ";" .. directory .. "/?.lua"
require("mexfwd").main("sr-decap")
