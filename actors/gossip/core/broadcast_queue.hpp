// What is still to be told to others, at most so many times each (SWIM, section 4.1). Least told goes first; of those the
// longest that fits, then the newest, so that packets are filled well.
#pragma once
#include "actors/gossip/core/types.hpp"
#include "runtime/base/text_hash.hpp"
#include <map>
#include <tuple>
#include <unordered_map>

namespace actord::gossip {

class broadcast_queue {
public:
  // Something about `subject` replaces what is queued about the same; an empty subject replaces nothing. `ticket` comes
  // back from take() when the message has been sent as often as it may, and from the calls that drop it; 0: never.
  // `size` is the message's on the wire. Returns the ticket of what was replaced, or 0.
  uint64_t push(message m, size_t size, node_name subject = {}, uint64_t ticket = 0);
  // Appends messages to `out` while they fit: each costs its size and `each`. `budget` is reduced by that. A message
  // leaves the queue with its `limit`th sending; its ticket, if any, is appended to `done`.
  void take(std::vector<message>& out, size_t& budget, size_t each, int limit, size_t parts_max,
            std::vector<uint64_t>& done);
  // Drops what was told most, until no more than `most` are left.
  void trim(size_t most, std::vector<uint64_t>& done);
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

private:
  struct place { // the order in which messages are taken
    int sent;
    size_t size;
    uint64_t number;
    bool operator<(const place& o) const { return std::tie(sent, o.size, o.number) < std::tie(o.sent, size, number); }
  };
  struct entry {
    message what;
    node_name subject;
    uint64_t ticket;
  };
  using entries = std::map<place, entry>;
  uint64_t drop(entries::iterator it);

  entries entries_;
  text_map<place> by_subject_;
  uint64_t numbered_ = 0;
};

} // namespace actord::gossip
