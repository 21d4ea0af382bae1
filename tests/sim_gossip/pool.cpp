#include "tests/sim_gossip/pool.hpp"

namespace actord::sim_gossip {

using namespace gossip;

namespace {
constexpr test::network_faults wire{0, 0, 500, 5000, 0.01}; // half a millisecond to five, some up to fifty
constexpr uint64_t connect_retry = 1'000'000, segment_retry = 200'000; // TCP's, in microseconds
constexpr int retries = 6;

test::network_faults with_loss(double loss) {
  auto f = wire;
  f.loss = loss;
  return f;
}
} // namespace

pool::pool(const pool_options& o)
    : options_(o), random_(o.seed), network_(o.nodes, with_loss(o.loss), prng(random_())), nodes_(o.nodes),
      departure_of_(o.nodes, 0) {
  for (uint32_t n = 0; n < nodes_.size(); ++n) start(n);
}

address pool::address_of(uint32_t n) {
  return {std::string{10, static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)}, 8301};
}

uint32_t pool::index_of(const address& a) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(a.ip[i])); };
  return byte(1) << 16 | byte(2) << 8 | byte(3);
}

// ---- what happens ------------------------------------------------------------------------------------------------

void pool::start(uint32_t n) {
  node& x = nodes_[n];
  x = {};
  x.core = std::make_unique<swim_core>(options_.knobs, identity{name_of(n), address_of(n), "", {1, 5, 2, 2, 5, 4}}, vetoes{},
                                       prng(random_()), now());
  departure_of_[n] = 0;
  perform_effects(n);
}

void pool::join(uint32_t n, uint32_t through) {
  core(n).exchange(address_of(through), true, now());
  perform_effects(n);
}

void pool::depart(uint32_t n, bool on_purpose) {
  departure d;
  d.who = n;
  d.at = time_.now();
  d.on_purpose = on_purpose;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (i != n && is_healthy(i) && core(i).find(name_of(n)) != nullptr) d.waiting.push_back(i);
  }
  departures_.push_back(std::move(d));
  departure_of_[n] = departures_.size();
}

void pool::crash(uint32_t n) {
  if (!nodes_[n].left) depart(n, false);
  nodes_[n].core.reset();
  nodes_[n].crashed = true;
  for (auto& d : departures_) std::erase(d.waiting, n); // the dead notice nothing
}

void pool::leave(uint32_t n) {
  depart(n, true);
  nodes_[n].left = true;
  for (auto& d : departures_) std::erase(d.waiting, n);
  core(n).leave(std::chrono::seconds(10), now());
  perform_effects(n);
}

void pool::stall(uint32_t n, nanos d) {
  if (!nodes_[n].core || nodes_[n].stalled) return;
  ++counts_.stalls;
  nodes_[n].stalled = nodes_[n].ever_stalled = true;
  for (auto& gone : departures_) std::erase(gone.waiting, n);
  event e;
  e.kind = happening::wake;
  e.node = n;
  time_.schedule(micro(d), std::move(e));
}

void pool::tag(uint32_t n, std::string meta) {
  (void)core(n).update_meta(std::move(meta), now()).ok();
  perform_effects(n);
}

void pool::cut(uint32_t a, uint32_t b) {
  network_.cut(a, b);
  network_.cut(b, a);
}

void pool::mend(uint32_t a, uint32_t b) {
  network_.mend(a, b);
  network_.mend(b, a);
}

void pool::acquaint_all() {
  push_pull everybody;
  for (uint32_t n = 0; n < nodes_.size(); ++n)
    everybody.nodes.push_back({name_of(n), address_of(n), "", 1, node_state::alive, versions{1, 5, 2, 2, 5, 4}});
  for (uint32_t n = 0; n < nodes_.size(); ++n) {
    core(n).push_pull_arrived(0, everybody, address_of(n), now());
    core(n).drain();
    arm(n);
  }
  run_until(std::chrono::minutes(10), [&] { return is_quiet(); });
}

void pool::run_for(nanos d) {
  const uint64_t until = time_.now() + micro(d);
  for (event e; time_.next(until, e);) handle(e);
}

void pool::handle(event& e) {
  node& x = nodes_[e.node];
  if (!x.core) return;
  counts_.trace = (counts_.trace ^ (time_.now() * 31 + e.node * 7 + static_cast<uint64_t>(e.kind))) * 1099511628211ull;
  if (e.kind == happening::wake) {
    x.stalled = false;
    // A real loop may look at its timers first or at its socket.
    const bool timers_first = random_.chance(0.5);
    if (timers_first) x.core->tick(now());
    for (auto& late : std::exchange(x.backlog, {})) act(late);
    if (!timers_first) x.core->tick(now());
  } else if (e.kind == happening::tick) {
    if (x.tick_at != e.number) return; // another one counts by now
    x.tick_at = 0;
    if (x.stalled) return;
    x.core->tick(now());
  } else if (x.stalled) {
    if (e.kind == happening::packet && x.backlog.size() >= options_.socket_packets) ++counts_.lost_to_full_sockets;
    else x.backlog.push_back(std::move(e));
    return;
  } else {
    act(e);
  }
  perform_effects(e.node);
}

// What the process does with something that arrived.
void pool::act(event& e) {
  swim_core& c = core(e.node);
  const address from = address_of(e.from);
  switch (e.kind) {
  case happening::packet:
    for (auto& m : e.messages) c.receive(std::move(m), from, now());
    return;
  case happening::state_request:
    inbound_[++last_inbound_] = {e.from, e.number};
    return c.push_pull_arrived(last_inbound_, *e.state, from, now());
  case happening::state_reply: return c.push_pull_answered(e.number, *e.state, now());
  case happening::ping_request: {
    if (!c.answer_tcp_ping({static_cast<sequence>(e.number), name_of(e.node), {}, {}})) return;
    uint64_t delay = 0;
    if (stream_hop(e.node, e.from, segment_retry, delay)) time_.schedule(delay, {happening::ping_reply, e.from, e.node, e.number, {}, {}});
    return;
  }
  case happening::ping_reply: return c.tcp_ping_ended(static_cast<sequence>(e.number), true, now());
  case happening::time_out: return c.push_pull_failed(e.number, "i/o timeout", now());
  case happening::tick:
  case happening::wake: return;
  }
}

void pool::perform_effects(uint32_t n) {
  node& x = nodes_[n];
  for (auto& what : x.core->drain()) {
    if (auto* p = std::get_if<send_packet>(&what)) {
      send(n, p->to, {happening::packet, 0, n, 0, std::move(p->messages), {}});
    } else if (auto* open = std::get_if<open_push_pull>(&what)) {
      open_stream(n, index_of(open->to), {happening::state_request, 0, n, open->id, {}, std::make_shared<push_pull>(std::move(open->state))},
                  micro(options_.knobs.tcp_timeout));
    } else if (auto* answer = std::get_if<answer_push_pull>(&what)) {
      const auto it = inbound_.find(answer->id);
      uint64_t delay = 0;
      if (it != inbound_.end() && stream_hop(n, it->second.first, segment_retry, delay))
        time_.schedule(delay, {happening::state_reply, it->second.first, n, it->second.second, {}, std::make_shared<push_pull>(std::move(answer->state))});
      if (it != inbound_.end()) inbound_.erase(it);
    } else if (auto* t = std::get_if<send_tcp_ping>(&what)) {
      open_stream(n, index_of(t->to), {happening::ping_request, 0, n, t->what.seq, {}, {}}, 0);
    } else if (auto* told = std::get_if<tell_member>(&what)) {
      believe(n, *told);
    }
  }
  arm(n);
}

void pool::arm(uint32_t n) {
  const uint64_t due = std::max((static_cast<uint64_t>(nodes_[n].core->next_deadline().count()) + 999) / 1000, time_.now());
  if (nodes_[n].tick_at != 0 && nodes_[n].tick_at <= due) return;
  nodes_[n].tick_at = due;
  event e;
  e.node = n;
  e.number = due;
  time_.schedule(due - time_.now(), std::move(e));
}

void pool::send(uint32_t from, const address& to, event e) {
  ++counts_.packets;
  e.node = index_of(to);
  const auto plan = network_.plan(from, e.node);
  if (plan.count > 0) time_.schedule(plan.delay[0], std::move(e));
}

// One segment's way, repeated when it is lost; false when it never arrives.
bool pool::stream_hop(uint32_t from, uint32_t to, uint64_t retry, uint64_t& delay) {
  for (int i = 0; i < retries; ++i, retry *= 2) {
    const auto plan = network_.plan(from, to);
    if (plan.count > 0) {
      delay += plan.delay[0];
      return true;
    }
    delay += retry;
  }
  return false;
}

void pool::open_stream(uint32_t from, uint32_t to, event e, uint64_t time_out) {
  ++counts_.streams;
  e.node = to;
  uint64_t delay = 0;
  const bool arrives = stream_hop(from, to, connect_retry, delay) && stream_hop(to, from, connect_retry, delay) &&
                       stream_hop(from, to, segment_retry, delay);
  if (time_out > 0) time_.schedule(time_out, {happening::time_out, from, from, e.number, {}, {}});
  if (arrives) time_.schedule(delay, std::move(e));
}

// ---- what is believed --------------------------------------------------------------------------------------------

void pool::believe(uint32_t observer, const tell_member& told) {
  if (told.change != member_change::failed && told.change != member_change::left) return;
  const uint32_t who = index_of(told.node.name);
  const node& subject = nodes_[who];
  if (departure_of_[who] == 0) {
    if (subject.ever_stalled) return; // with good reason
    ++counts_.false_deaths;
    if (!nodes_[observer].ever_stalled) ++counts_.false_deaths_by_healthy;
    return;
  }
  departure& d = departures_[departure_of_[who] - 1];
  if (told.change == member_change::left && !d.on_purpose) ++counts_.false_departures;
  if (std::erase(d.waiting, observer) == 0) return;
  if (d.first == 0) d.first = time_.now();
  if (d.waiting.empty()) d.all = time_.now();
}

bool pool::all_departures_noticed() const {
  for (const auto& d : departures_) {
    if (!d.waiting.empty()) return false;
  }
  return true;
}

bool pool::is_quiet() const {
  for (const auto& x : nodes_) {
    if (x.core && x.core->queued() > 0) return false;
  }
  return true;
}

size_t pool::count_seeing(uint32_t who, node_state state) const {
  size_t count = 0;
  const std::string name = name_of(who);
  for (const auto& x : nodes_) {
    if (!x.core) continue;
    const auto* m = x.core->find(name);
    if (m != nullptr && m->state == state) ++count;
  }
  return count;
}

size_t pool::up() const {
  size_t count = 0;
  for (const auto& x : nodes_) count += x.core ? 1 : 0;
  return count;
}

} // namespace actord::sim_gossip
