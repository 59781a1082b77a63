-- `reserve` of limits.py, word for word, inside Redis.
-- KEYS: the bucket. ARGV: SLOT, SECOND, WARM_UP, CLOSE_ENOUGH; per_second, burst, reserve,
-- in_any_second; what a place needs, most, within; the lifetime of a bucket that nobody taught or
-- held, and of any other; the time ("" for the server's own).
-- Answers next_in and the delays, as text: %.17g keeps whole what cjson would cut to 14 digits.
local function number(index) return tonumber(ARGV[index]) end
local SLOT, SECOND, WARM_UP, CLOSE_ENOUGH = number(1), number(2), number(3), number(4)
local per_second, burst, reserve, in_any_second = number(5), number(6), number(7), number(8)
local needed, most, within, now = number(9), number(10), number(11), number(14)
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local raw = redis.call('GET', KEYS[1])
local level = raw and cjson.decode(raw)
  or {tokens = burst, at = now, held_until = 0, learned = 0}
local share = in_any_second > 0 and per_second / in_any_second or 1
local speed = level.learned > 0 and share * level.learned or per_second
local limit = level.learned > 0 and level.learned or in_any_second
local elapsed, shift = now - level.at, 0
local tokens, held_until = level.tokens, level.held_until
if elapsed < 0 then
  held_until = held_until + elapsed
  shift = math.floor(elapsed / SLOT)
else
  local slower = math.min(1, speed / per_second)
  local capacity = math.min(burst, math.max(burst * slower, reserve + 1))
  tokens = math.min(capacity, tokens + elapsed * speed)
end
local untouched, kept, used = {}, {}, 0
for index, entry in ipairs(level.recent or {}) do
  untouched[index] = {entry[1] + shift, entry[2]}
  if (untouched[index][1] + 1) * SLOT + SECOND > now then
    kept[#kept + 1] = {entry[1] + shift, entry[2]}
    used = used + entry[2]
  end
end

local function next_wait()
  local wait = math.max(0, (needed - tokens) / speed, held_until - now)
  if in_any_second > 0 and #kept > 0 then
    local excess, crowded = used + 1 - limit, 0
    for _, entry in ipairs(kept) do
      if excess <= CLOSE_ENOUGH then break end
      excess = excess - entry[2]
      crowded = (entry[1] + 1) * SLOT + SECOND - now
    end
    wait = math.max(wait, crowded)
  end
  return wait
end

local function take(at)
  tokens = tokens - 1
  if in_any_second > 0 then
    local slot, last, count = math.floor(at / SLOT), kept[#kept], 1
    if not last then
      count = 1 + math.floor(WARM_UP * limit)
      kept[1] = {slot, count}
    elseif slot <= last[1] then
      last[2] = last[2] + 1
    else
      kept[#kept + 1] = {slot, 1}
    end
    used = used + count
  end
end

local delays, wait = {}, next_wait()
while #delays < most and wait <= within + CLOSE_ENOUGH do
  take(now + wait)
  delays[#delays + 1] = wait
  wait = next_wait()
end
local taken = #delays > 0
if taken or elapsed < 0 then
  local entries = {}
  for index, entry in ipairs(taken and kept or untouched) do
    entries[index] = string.format('[%.17g,%.17g]', entry[1], entry[2])
  end
  local plain = level.learned == 0 and held_until <= now
  redis.call('SET', KEYS[1], string.format(
    '{"tokens":%.17g,"at":%.17g,"held_until":%.17g,"learned":%.17g,"recent":[%s]}',
    tokens, now, held_until, level.learned, table.concat(entries, ',')),
    'EX', plain and ARGV[12] or ARGV[13])
end
local answer = {string.format('%.17g', wait)}
for index, delay in ipairs(delays) do
  answer[index + 1] = string.format('%.17g', delay)
end
return answer
