// The actor of a pool, its streams: one message each way (wire.md, Streams).
#include "actors/gossip/pool_state.hpp"
#include "actors/gossip/stream_broker.hpp"
#include "actors/members/core/address_text.hpp"
#include "runtime/net/heaviest.hpp"
#include "runtime/net/household.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <algorithm>
#include <caf/send.hpp>

namespace actord::gossip {

namespace {

constexpr size_t most_held = 64 << 20; // bytes of messages that are not yet whole, over all streams
constexpr size_t least_held = most_held / 8 * 7; // what is left of them when they were too many

} // namespace

void pool_state::dial(open_stream::purpose what, uint64_t core_id, const address& to, const stream_message& m, nanos deadline) {
  open_stream s;
  s.what = what;
  s.with = to;
  s.core_id = core_id;
  s.deadline = deadline;
  auto bytes = encode_stream(m, {}, &*seal_);
  if (!bytes) return fail(s, bytes.err().text);
  s.reader = std::make_unique<stream_reader>(&*seal_);
  const auto id = ++last_stream_;
  streams_.emplace(id, std::move(s));
  static auto &connected = telemetry::counter("memberlist.tcp.connect"), &sent = telemetry::counter("memberlist.tcp.sent");
  connected.add();
  sent.add(static_cast<double>(bytes->size()));
  caf::anon_send(broker_, stream_dial{id, members::address_text(to), std::move(*bytes)});
}

void pool_state::accepted(const stream_accepted& a) {
  static auto& accepted = telemetry::counter("memberlist.tcp.accept");
  accepted.add();
  open_stream s;
  s.with = a.from;
  s.reader = std::make_unique<stream_reader>(&*seal_);
  s.deadline = now() + setup_.knobs.tcp_timeout;
  streams_.emplace(a.id, std::move(s));
  schedule();
}

void pool_state::received(stream_bytes& b) {
  stream_bytes_waiting_->taken(b.source, b.bytes.size());
  const auto it = streams_.find(b.id);
  if (it == streams_.end() || !it->second.reader) return;
  auto& s = it->second;
  held_by_streams_ -= s.reader->held();
  auto got = s.reader->feed(b.bytes);
  held_by_streams_ += s.reader->held();
  if (!got) {
    const bool say_so = s.what == open_stream::purpose::incoming && s.reader->answer_failure();
    note(importance::failure, "failed to receive: " + got.err().text + " from=" + members::address_text(s.with));
    if (say_so) answer(b.id, failure{got.err().text});
    else close(b.id, got.err().text);
  } else if (*got) {
    take(b.id, s, **got);
  } else if (held_by_streams_ > most_held) {
    bound_held_by_streams();
  }
  perform();
}

// So many at once that it is a while until we look again.
void pool_state::bound_held_by_streams() {
  std::vector<uint64_t> ids;
  std::vector<net::holding> holdings;
  for (const auto& [id, s] : streams_) {
    ids.push_back(id);
    holdings.push_back({std::string(net::household_of_bytes(s.with.ip)), s.reader ? s.reader->held() : 0});
  }
  for (const auto place : net::heaviest(holdings, held_by_streams_ - least_held)) close(ids[place], "too much is coming over streams");
}

void pool_state::take(uint64_t id, open_stream& s, stream_message& m) {
  const auto at = now();
  if (s.what != open_stream::purpose::incoming) {
    const auto core_id = s.core_id;
    const bool probes = s.what == open_stream::purpose::ping;
    if (auto* said = std::get_if<ack>(&m); said && probes) {
      swim_->tcp_ping_ended(static_cast<sequence>(core_id), said->seq == core_id, at);
    } else if (auto* theirs = std::get_if<push_pull>(&m); theirs && !probes) {
      static auto& took = telemetry::sample("memberlist.pushPullNode");
      took.record(std::chrono::duration<double, std::milli>(at - (s.deadline - setup_.knobs.tcp_timeout)).count());
      swim_->push_pull_answered(core_id, std::move(*theirs), at);
    } else {
      const auto* why = std::get_if<failure>(&m);
      return close(id, why ? "remote error: " + why->text : "the answer is of another kind");
    }
    s.what = open_stream::purpose::incoming; // nobody waits for it any more
    return close(id, {});
  }
  if (auto* p = std::get_if<ping>(&m)) {
    auto a = swim_->answer_tcp_ping(*p);
    if (a) answer(id, std::move(*a));
    else close(id, {});
  } else if (auto* theirs = std::get_if<push_pull>(&m)) {
    swim_->push_pull_arrived(id, std::move(*theirs), s.with, at);
  } else if (auto* u = std::get_if<user>(&m)) {
    const auto from = s.with;
    swim_->receive(std::move(*u), from, at);
    close(id, {});
  } else {
    close(id, {});
  }
}

// The last that is written; the other side closes then, or the deadline does.
void pool_state::answer(uint64_t id, const stream_message& m) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  auto bytes = encode_stream(m, {}, &*seal_);
  if (!bytes) return close(id, {});
  held_by_streams_ -= it->second.reader ? it->second.reader->held() : 0;
  it->second.reader.reset();
  static auto& sent = telemetry::counter("memberlist.tcp.sent");
  sent.add(static_cast<double>(bytes->size()));
  caf::anon_send(broker_, stream_write{id, std::move(*bytes)});
}

void pool_state::fail(open_stream& s, const std::string& why) {
  if (s.what == open_stream::purpose::push_pull) swim_->push_pull_failed(s.core_id, why, now());
  if (s.what == open_stream::purpose::ping) swim_->tcp_ping_ended(static_cast<sequence>(s.core_id), false, now());
}

void pool_state::close(uint64_t id, const std::string& why) {
  auto node = streams_.extract(id);
  if (!node) return;
  held_by_streams_ -= node.mapped().reader ? node.mapped().reader->held() : 0;
  caf::anon_send(broker_, stream_close{id});
  fail(node.mapped(), why);
}

void pool_state::ended(const stream_ended& e) {
  auto node = streams_.extract(e.id);
  if (!node) return;
  auto& s = node.mapped();
  held_by_streams_ -= s.reader ? s.reader->held() : 0;
  if (s.what == open_stream::purpose::ping && e.how == stream_end::refused) swim_->tcp_ping_refused(static_cast<sequence>(s.core_id), now());
  else fail(s, e.how == stream_end::after_connecting ? "EOF" : "dial tcp " + members::address_text(s.with) + ": connect: connection refused");
  perform();
}

nanos pool_state::stream_deadline() const {
  auto next = nanos::max();
  for (const auto& [id, s] : streams_) next = std::min(next, s.deadline);
  return next;
}

void pool_state::expire_streams(nanos at) {
  std::vector<uint64_t> late;
  for (const auto& [id, s] : streams_)
    if (s.deadline <= at) late.push_back(id);
  for (const auto id : late) close(id, "dial tcp " + members::address_text(streams_.at(id).with) + ": i/o timeout");
}

} // namespace actord::gossip
