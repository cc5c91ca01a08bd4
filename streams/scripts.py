"""What runs inside Redis, each script in one step, and the texts that it compares.

A position is `incarnation:opened:offset`: the changelog that a partition is shown from, when its worker opened it
(milliseconds since 1970), and the offset up to which all of it is shown. A customer's `source` is `incarnation:offset`,
the changelog and the offset as of which that state is shown.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

UNKNOWN: Final = -1
_POSITION: Final = re.compile(rb"([!-~]+):(\d+):(-?\d+)")
# By MGET, as a key of another type is none for it.
_READ: Final = """
local function position(key)
  return string.match(redis.call('MGET', key)[1] or '', '^(%S+):(%d+):(-?%d+)$')
end
"""

# Only who holds the partition writes, and an older state never replaces a newer one of the same changelog, whoever
# comes late: a paused worker, a repair, a retry. What is of another changelog gives way. What is no hash is no customer
# either; left there, it would hold up all that waits with it, now and at every try again.
#
# Keys: positions of some partitions, then customers, those of the first partition first. Arguments: the number of
# partitions; for each our incarnation and how many customers; for each customer offset, version, instant and state,
# without a state to be forgotten. Returned: how many keys of another type were replaced.
WRITE: Final = (
    _READ
    + """
local places, replaced = tonumber(ARGV[1]), 0
local i, at = places, 2 * places + 1
for place = 1, places do
  local incarnation = ARGV[2 * place]
  local held = position(KEYS[place]) == incarnation
  for _ = 1, tonumber(ARGV[2 * place + 1]) do
    i = i + 1
    local source = held and redis.pcall('HGET', KEYS[i], 'source')
    if type(source) == 'table' then
      if not string.find(source.err, 'WRONGTYPE', 1, true) then return source end
      redis.call('DEL', KEYS[i])
      source, replaced = false, replaced + 1
    end
    local theirs, offset = string.match(source or '', '^(%S+):(-?%d+)$')
    if held and (theirs ~= incarnation or tonumber(offset) <= tonumber(ARGV[at + 1])) then
      if ARGV[at + 4] == '' then
        redis.call('DEL', KEYS[i])
      else
        redis.call('HSET', KEYS[i], 'version', ARGV[at + 2], 'as_of', ARGV[at + 3], 'state', ARGV[at + 4],
          'source', incarnation .. ':' .. ARGV[at + 1])
      end
    end
    at = at + 4
  end
end
return replaced
"""
)

# A position moves on only from where it was: had it been compared first and stored after, what was lost in between
# would never show. One that is further than we left it is a predecessor's, who had written all views up to there.
#
# Arguments for each key: incarnation, opened, where we left it, where it is now. Returned: which keys were lost.
ADVANCE: Final = (
    _READ
    + """
local lost = {}
for i = 1, #KEYS do
  local incarnation, opened, left, offset = unpack(ARGV, 4 * i - 3, 4 * i)
  local theirs, since, reached = position(KEYS[i])
  if theirs ~= incarnation or tonumber(reached) < tonumber(left) then
    lost[#lost + 1] = i
  elseif tonumber(reached) < tonumber(offset) then
    if tonumber(since) > tonumber(opened) then opened = since end
    redis.call('MSET', KEYS[i], incarnation .. ':' .. opened .. ':' .. offset)
  end
end
return lost
"""
)

# From here on we hold the partition, and nothing of it is known to be shown: if Redis is emptied now, that shows. Of
# two changelogs the one that was opened last has it: a worker of a Kafka that is gone does not take it back when it
# wakes up.
#
# Arguments for each key: incarnation, opened. Returned: which keys another changelog holds.
MARK: Final = (
    _READ
    + """
local refused = {}
for i = 1, #KEYS do
  local incarnation, opened = ARGV[2 * i - 1], ARGV[2 * i]
  local theirs, since = position(KEYS[i])
  if theirs and theirs ~= incarnation and tonumber(since) > tonumber(opened) then
    refused[#refused + 1] = i
  else
    redis.call('MSET', KEYS[i], incarnation .. ':' .. opened .. ':-1')
  end
end
return refused
"""
)


class Position(NamedTuple):
    """How far a partition is shown, and of which changelog; -1 for nothing that is known of."""

    incarnation: str
    offset: int


NOWHERE: Final = Position("", UNKNOWN)


def read_position(value: bytes | None) -> Position:
    """Read a partition's position; what is not there, or was written by a version that named no changelog, is none."""
    found = _POSITION.fullmatch(value or b"")
    return Position(found[1].decode(), int(found[3])) if found else NOWHERE
