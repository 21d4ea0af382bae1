// The actor of a pool, what its cores want done.
#include "actors/coordinate/core/record.hpp"
#include "actors/gossip/pool_state.hpp"
#include "actors/members/core/address_text.hpp"
#include "actors/members/core/coordinate_payload.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <caf/send.hpp>

namespace actord::gossip {

namespace {

constexpr nanos farewell_patience = std::chrono::seconds(5); // serf's BroadcastTimeout

std::string_view name_of(members::member_change c) {
  switch (c) {
  case members::member_change::join: return "EventMemberJoin";
  case members::member_change::leave: return "EventMemberLeave";
  case members::member_change::failed: return "EventMemberFailed";
  case members::member_change::update: return "EventMemberUpdate";
  case members::member_change::reap: return "EventMemberReap";
  }
  return "";
}

double milliseconds(nanos d) { return std::chrono::duration<double, std::milli>(d).count(); }

void count(members::member_change c) {
  static telemetry::series* const counters[] = {&telemetry::counter("serf.member.join"), &telemetry::counter("serf.member.left"),
                                                &telemetry::counter("serf.member.failed"), &telemetry::counter("serf.member.update"),
                                                &telemetry::counter("serf.member.reap")}; // in the order of member_change
  counters[static_cast<size_t>(c)]->add();
}

} // namespace

// Each core's effects are facts for the other, until both have nothing more to say.
void pool_state::perform() {
  for (bool more = true; more;) {
    auto gossiped = swim_->drain();
    for (auto& e : gossiped) std::visit([this](auto& x) { on(x); }, e);
    auto told = pool_->drain();
    for (auto& e : told) std::visit([this](auto& x) { on(x); }, e);
    more = !gossiped.empty() || !told.empty();
  }
  if (!outgoing_.empty()) {
    static auto& sent = telemetry::counter("memberlist.udp.sent");
    for (const auto& d : outgoing_) sent.add(static_cast<double>(d.bytes.size()));
    packets_->send(outgoing_);
    outgoing_.clear();
  }
  if (!news_.members.empty()) {
    swim_->set_user_population(pool_->members().all().size());
    changed_ = true;
  }
  schedule(); // publishes first, so that whoever hears the news finds them on the board, unless much happens
  send_news();
}

void pool_state::send_news() {
  if (news_.members.empty() && news_.events.empty()) return;
  auto news = std::exchange(news_, {});
  news.wan = setup_.wan;
  std::erase_if(subscribers_, [&](const caf::actor_addr& weak) {
    auto to = caf::actor_cast<caf::actor>(weak);
    if (to) caf::anon_send(to, news);
    return !to;
  });
}

// ---- gossip's ----------------------------------------------------------------------------------------------------

void pool_state::on(send_packet& e) {
  std::vector<std::string> parts;
  parts.reserve(e.messages.size());
  for (const auto& m : e.messages) parts.push_back(encode(m));
  const auto body = parts.size() == 1 ? std::move(parts.front()) : make_compound(parts);
  packet_options o;
  o.crc = e.checksum;
  auto bytes = encode_packet(body, o, &*seal_);
  if (bytes.size() <= packet_limit) outgoing_.push_back({std::move(bytes), e.to});
}

void pool_state::on(open_push_pull& e) {
  e.state.user_state = pool_->state();
  dial(open_stream::purpose::push_pull, e.id, e.to, std::move(e.state), now() + setup_.knobs.tcp_timeout);
}

void pool_state::on(answer_push_pull& e) {
  e.state.user_state = pool_->state();
  answer(e.id, std::move(e.state));
}

void pool_state::on(send_tcp_ping& e) { dial(open_stream::purpose::ping, e.what.seq, e.to, e.what, e.deadline); }

void pool_state::on(tell_member& e) {
  const auto at = now();
  switch (e.change) {
  case member_change::joined: pool_->joined(at, e.node); break;
  case member_change::updated: pool_->updated(e.node); break;
  case member_change::left:
  case member_change::failed: pool_->gone(at, e.node.name); break;
  }
}

void pool_state::on(tell_conflict& e) { pool_->conflict(now(), e.known, e.claimant); }
void pool_state::on(tell_user& e) {
  static auto& received = telemetry::sample("serf.msgs.received");
  received.record(static_cast<double>(e.body.size()));
  pool_->deliver(now(), e.body, e.from_member);
}

void pool_state::on(tell_push_pull& e) {
  if (e.error.empty()) pool_->merge(now(), e.user_state, e.join, e.met_others);
  const bool told = join_exchange_ended(e);
  leave_once_met();
  if (told || e.error.empty()) return;
  if (e.begun_here) note(importance::failure, "Push/Pull with " + members::address_text(e.with) + " failed: " + e.error);
  else note(importance::failure, "Failed push/pull merge: " + e.error + " from=" + members::address_text(e.with));
}

void pool_state::on(tell_round_trip& e) {
  static auto &probed = telemetry::sample("memberlist.probeNode"), &adjusted = telemetry::sample("serf.coordinate.adjustment-ms");
  probed.record(milliseconds(e.rtt));
  if (!setup_.coordinates || e.payload.empty()) return;
  auto record = members::decode_coordinate(e.payload);
  if (!record) return note(false, "serf: Failed to decode coordinate from ping: " + record.err().text);
  auto place = coordinate::from_record(*record);
  if (!place) return note(false, "serf: Rejected coordinate from " + e.node + ": " + place.err().text);
  const auto before = places_->own();
  if (auto s = places_->update(e.node, *place, e.rtt); !s) return note(false, "serf: Rejected coordinate from " + e.node + ": " + s.err().text);
  adjusted.record(milliseconds(coordinate::distance(before, places_->own())));
  moved_ = true;
  set_own_coordinate();
}

void pool_state::set_own_coordinate() {
  if (setup_.coordinates) swim_->set_ack_payload(members::encode_coordinate(coordinate::to_record(places_->own())));
}

void pool_state::on(tell_broadcast_done& e) { pool_->broadcast_done(now(), e.ticket); }

void pool_state::on(tell_left& e) {
  if (!e.told_others) note(importance::warning, "timeout waiting for leave broadcast");
  pool_->gossip_left(now());
}

void pool_state::on(tell_stall& e) { note(importance::warning, "this process did not run for " + format_duration(e.lag) + ", trusting itself less"); }

// ---- serf's ------------------------------------------------------------------------------------------------------

void pool_state::on(members::broadcast& e) {
  const auto u = e.by == members::lane::intents ? urgency::intent : e.by == members::lane::queries ? urgency::query : urgency::event;
  changed_ = true; // the clocks
  swim_->broadcast(u, std::move(e.bytes), e.ticket, now());
}

void pool_state::on(members::send_direct& e) { swim_->send_user(e.to, e.node, std::move(e.bytes)); }

void pool_state::on(members::tell_member_event& e) {
  count(e.change);
  const bool loud = e.change == members::member_change::failed;
  if (may_log(origin::by_us))
    log::write(loud ? log::level::warn : log::level::info, setup_.log_name + (setup_.wan ? ".serf.wan" : ".serf.lan"),
               "serf: " + std::string(name_of(e.change)) + ": " + e.who.name + (e.change == members::member_change::reap ? "" : " " + members::ip_text(e.who.at.ip)));
  if (const auto id = e.who.tags.find("id"); id != e.who.tags.end() && !id->second.empty()) {
    const auto known = by_id_.find(id->second);
    // Not by its status: one whose farewell of a former life is still under way comes as leaving.
    const bool here = e.change == members::member_change::join || e.change == members::member_change::update;
    if (here) by_id_[id->second] = e.who.name;
    else if (known != by_id_.end() && known->second == e.who.name) by_id_.erase(known);
  }
  if (lines_) {
    lines_->on(e);
    flush_at_ = std::min(flush_at_, now() + members::snapshot_writer::flush_interval);
  }
  news_.members.push_back(std::move(e));
}

void pool_state::on(members::tell_user_event& e) {
  static auto& events = telemetry::counter("serf.events");
  events.add();
  changed_ = true;
  if (lines_) flush_at_ = std::min(flush_at_, now() + members::snapshot_writer::flush_interval);
  news_.events.push_back(std::move(e.event));
}

void pool_state::on(members::tell_key_request& e) {
  // Its time is kept before the keyring that it leads to: after a crash the same order, sent again by a stranger, must be an old one.
  auto answer = change_keys(e);
  const bool changed = answer.ok && e.operation != members::key_operation::list;
  if (changed && disk_keeps_keys()) {
    keyring_due_ = true;
    unanswered_.push_back(e.handle);
  } else {
    answer_keys(e.handle, std::move(answer));
  }
  write_kept(e.operation != members::key_operation::list);
}

void pool_state::on(members::tell_key_outcome& e) {
  auto node = key_queries_.extract(e.query);
  if (node) node.mapped().deliver(pool_keys_done{std::move(e.outcome)});
}

void pool_state::on(members::rejoin& e) {
  note(false, "serf: attempting to reconnect to " + e.node + " " + members::address_text(e.at));
  swim_->exchange(e.at, true, now());
}

void pool_state::on(members::forget_coordinate& e) { places_->forget(e.node); }
void pool_state::on(members::leave_gossip&) { swim_->leave(farewell_patience, now()); }

void pool_state::on(members::tell_left&) {
  for (auto& p : std::exchange(leaving_, {})) p.deliver(agent_done{});
}

void pool_state::on(members::tell_name_lost& e) {
  note(true, "serf: minority in name conflict resolution: matching=" + std::to_string(e.matching) + " answers=" + std::to_string(e.answers));
}

} // namespace actord::gossip
