#include "actors/gossip/core/swim_core.hpp"
#include <algorithm>

namespace actord::gossip {

swim_core::swim_core(settings s, identity self, vetoes objections, prng random, nanos now)
    : settings_(s), self_(std::move(self)), vetoes_(std::move(objections)), random_(random), now_(now),
      awareness_(s.awareness_max_multiplier) {
  settings_.probe_interval = std::max(settings_.probe_interval, nanos(std::chrono::milliseconds(1)));
  settings_.gossip_interval = std::max(settings_.gossip_interval, nanos(std::chrono::milliseconds(1)));
  // Nodes that start together do not act together.
  next_probe_ = now + settings_.probe_interval + stagger(settings_.probe_interval);
  next_gossip_ = now + settings_.gossip_interval + stagger(settings_.gossip_interval);
  next_push_pull_ = now + s.push_pull_interval + stagger(s.push_pull_interval);
  announce_self();
}

// ---- time --------------------------------------------------------------------------------------------------------

// Every call comes through here first. Time that runs backwards stands still.
void swim_core::pass(nanos now) {
  if (now <= now_) return;
  // What was lost once is not lost again, whichever timer is still due.
  const nanos lag = now - std::max(next_deadline(), stalled_until_);
  now_ = now;
  if (settings_.stall_after > nanos(0) && lag > settings_.stall_after) after_stall(lag);
  // With nothing to tell, the rounds pass unnoticed.
  if (next_gossip_ <= now_ && !has_news()) {
    const auto missed = (now_ - next_gossip_) / settings_.gossip_interval + 1;
    next_gossip_ += missed * settings_.gossip_interval;
  }
}

void swim_core::after_stall(nanos lag) {
  ++figures_.stalls;
  stalled_until_ = now_;
  awareness_.apply(static_cast<int>(std::min<int64_t>(1 + lag / settings_.probe_interval, 1000)));
  effects_.push_back(tell_stall{lag});
  if (probe_) {
    probe_->ask_others += lag;
    probe_->deadline += lag;
    probe_->stalled = true;
  }
  for (auto& r : relays_) r.deadline += lag;
  for (auto& [name, s] : sentences_) s.deadline += lag;
  if (hearing_ < nanos::max()) hearing_ += lag;
  strangers_.postpone(lag);
  std::set<std::pair<nanos, node_name>> later;
  for (const auto& [deadline, name] : suspicions_) {
    members_.find(name)->suspected->postpone(lag);
    later.emplace(deadline + lag, name);
  }
  suspicions_ = std::move(later);
  next_probe_ += lag;
  next_gossip_ += lag;
  next_push_pull_ += lag;
  // Whoever refuted meanwhile may not have reached us. Not more often than suspicions run out, so that a process that
  // lags because it has too much to do does not get more.
  if (lag >= settings_.probe_interval && now_ >= catch_up_from_) {
    catch_up_from_ = now_ + settings_.suspicion_min(members_.size());
    next_push_pull_ = std::min(next_push_pull_, now_ + stagger(settings_.probe_interval));
  }
}

// Lifeguard counts only signs that its probes see; here the kernel says it. A probe's answer by stream gets more time, and who is
// suspected or said to be dead is asked by stream before that is believed.
void swim_core::missed_packets(nanos now) {
  pass(now);
  constexpr nanos log_pause = std::chrono::seconds(10);
  if (missed_at_ == nanos::min() || now_ - missed_at_ > log_pause) log(importance::warning, "packets to us were dropped, as more come than we take: trusting ourselves less");
  missed_at_ = now_;
  if (distrusted_at_ > nanos::min() && now_ - distrusted_at_ < settings_.probe_interval) return;
  distrusted_at_ = now_;
  ++figures_.missed;
  awareness_.apply(2);
}

nanos swim_core::next_deadline() const {
  nanos next = next_probe_;
  if (probe_) next = std::min(next, probe_->asked_others ? probe_->deadline : probe_->ask_others);
  if (has_news()) next = std::min(next, next_gossip_);
  if (settings_.push_pull_interval > nanos(0)) next = std::min(next, next_push_pull_);
  if (!suspicions_.empty()) next = std::min(next, suspicions_.begin()->first);
  next = std::min({next, hearing_, strangers_.next_due()});
  if (!relays_.empty()) next = std::min(next, relays_.front().deadline);
  if (leaving_ && !left_told_) next = std::min(next, leave_until_);
  return next;
}

// Moves a timer that is due to its next time in the future: rounds that were missed are not made up for.
bool swim_core::is_due(nanos& timer, nanos interval) {
  if (now_ < timer) return false;
  timer += interval;
  if (timer <= now_) timer = now_ + interval;
  return true;
}

void swim_core::tick(nanos now) {
  pass(now);
  ask_strangers();
  hear_accused();
  serve_relays();
  serve_probe();
  if (is_due(next_probe_, settings_.probe_interval)) probe_tick();
  serve_suspicions();
  if (has_news() && is_due(next_gossip_, settings_.gossip_interval)) gossip_round();
  if (settings_.push_pull_interval > nanos(0) && is_due(next_push_pull_, settings_.push_pull_period(members_.size())))
    push_pull_round();
  if (leaving_ && !left_told_ && now_ >= leave_until_) {
    left_told_ = true;
    effects_.push_back(tell_left{false});
  }
}

// ---- facts -------------------------------------------------------------------------------------------------------

void swim_core::receive(message m, const address& from, nanos now) {
  pass(now);
  room_to_wait_ = waiting_room::capacity;
  std::visit([&](auto& body) { handle(body, from); }, m);
}

void swim_core::handle(suspect& m, const address&) { on_suspect(m); }
void swim_core::handle(dead& m, const address&) {
  if (settings_.checks_claims && !is_self(m.node)) hear_of_death(m);
  else on_dead(m);
}
void swim_core::handle(alive& m, const address& from) {
  if (settings_.checks_claims && must_answer(m)) hear_of_stranger(std::move(m), from);
  else if (!settings_.checks_claims || !leaps_again(m)) on_alive(std::move(m), false);
}
void swim_core::handle(user& m, const address& from) { effects_.push_back(tell_user{std::move(m.body), from, members_.lives_at(from)}); }
void swim_core::handle(failure& m, const address&) { log(importance::warning, "the other side refuses: " + m.text); }

void swim_core::push_pull_arrived(stream_id id, push_pull theirs, const address& from, nanos now) {
  pass(now);
  effects_.push_back(answer_push_pull{id, state_of_all(theirs.join)});
  std::string error = merge(theirs, false);
  // Whom others find, and who has found nobody yet, asks one of them soon: what was brought unasked may be old.
  if (!has_met_ && settings_.push_pull_interval > nanos(0)) next_push_pull_ = std::min(next_push_pull_, now_ + stagger(settings_.probe_interval));
  effects_.push_back(tell_push_pull{id, theirs.join, false, false, from, std::move(error), std::move(theirs.user_state)});
}

void swim_core::push_pull_answered(stream_id id, push_pull theirs, nanos now) {
  pass(now);
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end()) return;
  const exchange_under_way asked = it->second;
  exchanges_.erase(it);
  accused_answered_exchange(id, &theirs);
  theirs.join = asked.join; // what we asked for decides whether the vetoes apply
  first_answer_ = asked.join && !has_met_;
  std::string error = merge(theirs, true);
  first_answer_ = false;
  set_right(theirs, asked.with);
  // It answered at its address; one of the names that it says live there.
  const auto there = std::find_if(theirs.nodes.begin(), theirs.nodes.end(), [&](const auto& r) { return r.at == asked.with && members_.find(r.name) != nullptr; });
  if (there != theirs.nodes.end()) members_.prove(*members_.find(there->name));
  const bool met = std::any_of(theirs.nodes.begin(), theirs.nodes.end(), [&](const auto& r) { return !is_self(r.name); });
  has_met_ = has_met_ || met;
  effects_.push_back(tell_push_pull{id, asked.join, true, met, asked.with, std::move(error), std::move(theirs.user_state)});
}

void swim_core::push_pull_failed(stream_id id, std::string why, nanos now) {
  pass(now);
  const auto it = exchanges_.find(id);
  if (it == exchanges_.end()) return;
  effects_.push_back(tell_push_pull{id, it->second.join, true, false, it->second.with, std::move(why), {}});
  exchanges_.erase(it);
  accused_answered_exchange(id, nullptr);
}

// ---- orders ------------------------------------------------------------------------------------------------------

stream_id swim_core::exchange(const address& to, bool join, nanos now) {
  pass(now);
  exchanges_[++last_stream_] = {to, join};
  effects_.push_back(open_push_pull{last_stream_, to, state_of_all(join)});
  return last_stream_;
}

status swim_core::update_meta(std::string meta, nanos now) {
  if (meta.size() > meta_max) return error(errc::bad_request, "node meta data is longer than 512 bytes");
  pass(now);
  self_.meta = std::move(meta);
  announce_self();
  return {};
}

void swim_core::leave(nanos patience, nanos now) {
  pass(now);
  if (leaving_) return;
  leaving_ = true;
  leave_until_ = now_ + patience;
  on_dead({own_inc_, self_.name, self_.name});
  for (const auto* m : members_.all()) {
    if (!m->is_gone()) return;
  }
  settle({leave_ticket}, true);
}

void swim_core::broadcast(urgency u, std::string body, uint64_t ticket, nanos now) {
  pass(now);
  auto& queue = from_above_[static_cast<size_t>(u)];
  message m = user{std::move(body)};
  const size_t size = size_bound(m);
  // What fits into no packet would wait for ever.
  if (size + compound_header + compound_part + packet_overhead_ > settings_.udp_buffer_size) {
    if (ticket != 0) settle({ticket}, false);
    return;
  }
  queue.push(std::move(m), size, {}, ticket);
  std::vector<uint64_t> dropped;
  queue.trim(settings_.user_queue_max, dropped);
  settle(dropped, false);
}

void swim_core::send_user(const address& to, const node_name& node, std::string body) {
  const member* m = members_.find(node);
  effects_.push_back(send_packet{to, node, {user{std::move(body)}}, m != nullptr && m->checks_sums()});
}

void swim_core::settle(const std::vector<uint64_t>& tickets, bool sent) {
  for (const uint64_t ticket : tickets) {
    if (ticket != leave_ticket) {
      effects_.push_back(tell_broadcast_done{ticket, sent});
    } else if (!left_told_) {
      left_told_ = true;
      effects_.push_back(tell_left{sent});
    }
  }
}

} // namespace actord::gossip
