-- What the scripts of this directory share: throughput and latency of mexfwd with Pktgen-DPDK.
--
-- Port 0 sends the capture of a scenario to mexfwd, port 1 receives what comes back. Settings are environment variables, which
-- scripts/pktgen/run sets: MEXFWD_MODE (throughput or latency), MEXFWD_SECONDS, MEXFWD_LOSS (share that may be lost),
-- MEXFWD_RESOLUTION (percent of the line), MEXFWD_RATE (percent, of the latency), MEXFWD_REPETITIONS.

local M = {}

M.SEND, M.RECEIVE = "0", "1"
-- Counters settle, and packets arrive, ms (RFC 2544, 24, has 2 s after a trial).
M.SETTLE_MS = 2000
local MS_PER_SECOND = 1000

local function setting(name, default)
    local value = tonumber(os.getenv("MEXFWD_" .. name) or default)
    assert(value, "MEXFWD_" .. name .. " is not a number")
    return value
end

function M.settings()
    return {
        mode = os.getenv("MEXFWD_MODE") or "throughput",
        seconds = setting("SECONDS", 10),
        loss = setting("LOSS", 0),
        resolution = setting("RESOLUTION", 1),
        rate = setting("RATE", 50),
        repetitions = setting("REPETITIONS", 2),
    }
end

-- Counters of a port. Releases of Pktgen differ in the arguments, and in where the counters are.
local function counters(port)
    local ok, all = pcall(pktgen.portStats, port, "port")
    if not ok then
        all = pktgen.portStats(port)
    end
    local found = all[tonumber(port)]
    return found.stats or found
end

-- One trial at a share of the line: frames sent and received.
function M.trial(rate, seconds)
    pktgen.clr()
    pktgen.set(M.SEND, "rate", rate)
    pktgen.start(M.SEND)
    pktgen.delay(math.floor(seconds * MS_PER_SECOND))
    pktgen.stop(M.SEND)
    pktgen.delay(M.SETTLE_MS)
    return counters(M.SEND).opackets, counters(M.RECEIVE).ipackets
end

-- Whether a rate passes, in one of its trials (binary search with loss verification, ETSI GS NFV-TST 009).
function M.passes(rate, settings)
    for attempt = 0, settings.repetitions do
        local sent, received = M.trial(rate, settings.seconds)
        local lost = sent - received
        local passed = sent > 0 and lost <= sent * settings.loss
        print(string.format("%6.2f %% of the line, trial %d: %d sent, %d lost: %s", rate, attempt + 1, sent, lost,
            passed and "passed" or "failed"))
        if passed then
            return true, received / settings.seconds
        end
    end
    return false
end

-- The highest rate that passes, in percent of the line, and its frames a second; 0 when none does.
function M.throughput(settings)
    local passed, pps = M.passes(100, settings)
    if passed then
        return 100, pps
    end
    local low, low_pps, high = 0, 0, 100
    while high - low > settings.resolution do
        local middle = (low + high) / 2
        passed, pps = M.passes(middle, settings)
        if passed then
            low, low_pps = middle, pps
        else
            high = middle
        end
    end
    return low, low_pps
end

-- Latency as Pktgen measures it: by packets of its own among the others, plain IPv6 to the first route.
function M.latency(settings)
    pktgen.set_type(M.SEND, "ipv6")
    pktgen.set_mac(M.SEND, "src", "02:00:00:00:00:01")
    pktgen.set_mac(M.SEND, "dst", "02:00:00:00:00:0a")
    pktgen.set_ipaddr(M.SEND, "src", "2001:db8:f000::1/64")
    pktgen.set_ipaddr(M.SEND, "dst", "2001:db8:1:1::1")
    pktgen.latency(M.SEND, "enable")
    pktgen.latency(M.RECEIVE, "enable")
    local sent, received = M.trial(settings.rate, settings.seconds)
    local found = pktgen.pktStats(M.RECEIVE)[tonumber(M.RECEIVE)].latency
    pktgen.latency(M.SEND, "disable")
    pktgen.latency(M.RECEIVE, "disable")
    return sent, received, found
end

function M.main(scenario)
    local settings = M.settings()
    print("mexfwd: " .. scenario .. ", " .. settings.mode)
    pktgen.set(M.SEND, "count", 0)
    if settings.mode == "throughput" then
        local rate, pps = M.throughput(settings)
        print(string.format("RESULT %s throughput: %.2f %% of the line, %.3f Mpps", scenario, rate, pps / 1e6))
    elseif settings.mode == "latency" then
        local sent, received, found = M.latency(settings)
        print(string.format("RESULT %s latency at %.1f %% of the line: %d sent, %d received", scenario, settings.rate, sent,
            received))
        -- Names differ between releases: all of them.
        for name, value in pairs(found) do
            print("RESULT " .. scenario .. " latency " .. tostring(name) .. " " .. tostring(value))
        end
    else
        error("MEXFWD_MODE is throughput or latency, not " .. settings.mode)
    end
end

return M
