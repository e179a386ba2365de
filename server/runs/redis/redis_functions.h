#ifndef LOSSD_SERVER_RUNS_REDIS_REDIS_FUNCTIONS_H_
#define LOSSD_SERVER_RUNS_REDIS_REDIS_FUNCTIONS_H_

namespace lossd::runs {

// What Redis runs for a RedisJournal: each function at once and as a whole. Ids and numbers of
// samples are in texts that no function reads; counts are Redis's own integers. A newer version has
// other names, so that old and new servers may share a Redis.
inline constexpr char kRedisFunctions[] = R"lua(#!lua name=lossd_runs_2

-- keys: head, batches, requests
-- args: id, kind, time, request, requests that are remembered, batch
-- Returns {what was done, the run's waiting bytes or its kind}: 0 it has another kind, 1 it had the
-- request, 2 appended, 3 appended to a new run.
local function append(keys, args)
  local head, batches, requests = keys[1], keys[2], keys[3]
  local kind = redis.call('HGET', head, 'kind')
  if kind and kind ~= args[2] then return {0, kind} end
  if kind and redis.call('ZSCORE', requests, args[4]) then
    return {1, redis.call('HGET', head, 'waiting_bytes')}
  end
  if not kind then
    redis.call('HSET', head, 'id', args[1], 'kind', args[2], 'create_time', args[3],
               'folded', 0, 'trimmed', 0, 'folded_bytes', 0)
  end
  redis.call('HSET', head, 'update_time', args[3])
  local number = redis.call('HINCRBY', head, 'batches', 1)
  redis.call('HSET', batches, number, args[6])
  redis.call('ZADD', requests, number, args[4])
  redis.call('ZREMRANGEBYRANK', requests, 0, -1 - tonumber(args[5]))
  local waiting = redis.call('HINCRBY', head, 'waiting_bytes', #args[6])
  return {kind and 2 or 3, waiting}
end

-- keys: head, state, chunks
-- args: id, number, state, bytes, then index and chunk again and again
-- Returns 0 where the run is another, 1 where its state has more batches, 2 where it was written.
local function write(keys, args)
  local head = keys[1]
  if redis.call('HGET', head, 'id') ~= args[1] then return 0 end
  if tonumber(redis.call('HGET', head, 'folded')) > tonumber(args[2]) then return 1 end
  redis.call('SET', keys[2], args[3])
  redis.call('HSET', head, 'folded', args[2], 'folded_bytes', args[4])
  for i = 5, #args, 2 do redis.call('HSET', keys[3], args[i], args[i + 1]) end
  return 2
end

-- keys: head, batches
-- args: id, the last batch that may go, after how many bytes no more go now
-- Returns 0 where the run is another, 1 where more may go, 2 where none are left.
local function trim(keys, args)
  local head, batches = keys[1], keys[2]
  if redis.call('HGET', head, 'id') ~= args[1] then return 0 end
  local trimmed = tonumber(redis.call('HGET', head, 'trimmed'))
  local last = trimmed
  local bytes = 0
  -- Of the smallest ones not too many either.
  while last < tonumber(args[2]) and last < trimmed + 1000 and bytes < tonumber(args[3]) do
    last = last + 1
    bytes = bytes + redis.call('HSTRLEN', batches, last)
    redis.call('HDEL', batches, last)
  end
  if last > trimmed then
    redis.call('HSET', head, 'trimmed', last)
    redis.call('HINCRBY', head, 'waiting_bytes', -bytes)
  end
  return last < tonumber(args[2]) and 1 or 2
end

-- keys: head, and all others of the run
-- args: id
-- Returns 0 where the run is another, 2 where it is deleted.
local function delete(keys, args)
  if redis.call('HGET', keys[1], 'id') ~= args[1] then return 0 end
  redis.call('UNLINK', unpack(keys))
  return 2
end

redis.register_function('lossd_runs_2_append', append)
redis.register_function('lossd_runs_2_write', write)
redis.register_function('lossd_runs_2_trim', trim)
redis.register_function('lossd_runs_2_delete', delete)
)lua";

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REDIS_REDIS_FUNCTIONS_H_
