// Clients: each has one operation under way, sends it to the server it believes to lead (or to any), and notes what it
// was told and when. What it was not told stays open in the history.
#include "tests/sim/world.hpp"

namespace actord::sim {

uint32_t world::leader_or_any() {
  if (random_.chance(0.75)) {
    // Any server that believes to lead, also one that does no more: clients know no better.
    const auto first = static_cast<uint32_t>(random_.below(servers_.size()));
    for (uint32_t i = 0; i < servers_.size(); ++i) {
      const uint32_t n = (first + i) % static_cast<uint32_t>(servers_.size());
      if (servers_[n].core && servers_[n].core->is_leader()) return n;
    }
  }
  return static_cast<uint32_t>(random_.below(servers_.size()));
}

void world::start_operation(uint32_t client) {
  if (!load_) return;
  client_operation op;
  op.client = client;
  op.node = leader_or_any();
  op.what.key = static_cast<uint8_t>(random_.below(key_count));
  const auto number = static_cast<uint32_t>(operations_.size() + 1);
  const uint64_t dice = random_.below(100);
  if (dice < 40) {
    op.what.kind = op_kind::get;
    op.as_read_index = dice < 30;
  } else if (dice < 75) {
    op.what.kind = op_kind::put;
  } else if (dice < 92) {
    op.what.kind = op_kind::cas;
    // What the server shows now is a good guess, and often enough wrong by the time that it counts.
    op.what.expected = servers_[op.node].machine.slots[op.what.key];
  } else {
    op.what.kind = op_kind::erase;
  }
  op.what.value = number;
  op.what.invoked = ++stamp_;
  operations_.push_back(op);
  running_[client] = number;
  schedule(random_.between(0, 5), at(event_kind::request, op.node, number));
  schedule(random_.between(200, 600), at(event_kind::client_timeout, op.node, number));
}

void world::request(event& e) {
  client_operation& op = operations_[e.number - 1];
  server& s = servers_[e.node];
  if (op.settled) return; // the server died on the way
  if (!s.core) return settle(e.number, false, 0, true); // nobody listens there
  if (s.paused_until > time_.now()) {
    const uint64_t wait = s.paused_until - time_.now();
    return schedule(wait, std::move(e));
  }
  if (op.as_read_index) {
    s.core->read_index(e.number);
  } else {
    command c{op.what.kind, op.what.key, static_cast<uint32_t>(e.number), op.what.value, op.what.expected};
    s.core->propose(c.encode(), e.number);
  }
  perform_effects(e.node);
}

void world::finish_write(uint32_t n, const raft::entry& e, uint32_t seen) {
  const client_operation& op = operations_[e.cookie - 1];
  // The cookie must come back on the entry that it went in with.
  if (op.node != n || command::decode(e.bytes()).id != e.cookie)
    return checks_.fail("a proposal's cookie came back on another entry");
  ++result_.acknowledged;
  checks_.acknowledged(e.index, std::string(e.bytes()));
  settle(e.cookie, true, seen, false);
}

// The operation's client goes on. An answer that comes after the client gave up is lost on it.
void world::settle(uint64_t number, bool answered, uint32_t seen, bool certainly_void) {
  client_operation& op = operations_[number - 1];
  if (op.settled) return;
  op.settled = true;
  if (answered) {
    op.what.seen = seen;
    op.what.returned = ++stamp_;
  } else {
    op.void_ = certainly_void;
  }
  running_[op.client] = 0;
  schedule(random_.between(1, answered ? 20 : 60), at(event_kind::client, 0, op.client));
}

} // namespace actord::sim
