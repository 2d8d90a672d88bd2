-- MEX: the destination has no route, the alternative in the AP header has.
-- pktgen must have been started with the capture of this scenario: scripts/pktgen/run does that.
local directory = os.getenv("MEXFWD_PKTGEN") or "."
package.path = package.path .. ";" .. directory .. "/?.lua"
require("mexfwd").main("mex-exchange")
