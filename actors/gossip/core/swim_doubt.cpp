// swim_core, what packets claim and whoever it is about must confirm. memberlist believes every packet.
#include "actors/gossip/core/swim_core.hpp"
#include <algorithm>

namespace actord::gossip {

// Whom we know, alive or suspect, is probed anyhow. The dead and those that left do not come back by somebody's word.
bool swim_core::must_answer(const alive& a) const {
  if (is_self(a.node)) return false;
  const auto* m = members_.find(a.node);
  return m == nullptr || (m->is_gone() && (a.inc > m->inc || m->at != a.at));
}

void swim_core::hear_of_stranger(alive a, const address& from) {
  // News that come from a member's address spread as fast as ever: with a check at each hop, agents of others missed newcomers.
  if (members_.lives_at(from)) return on_alive(std::move(a), false);
  if (refuses(a)) return;
  strangers_.take(std::move(a), random_, now_);
  ask_strangers();
}

// Nothing else goes along: what we have to tell is not for strangers.
void swim_core::ask_strangers() {
  strangers_.serve(now_, settings_.probe_timeout, [&](const waiting_room::stranger& s) {
    effects_.push_back(send_packet{s.claim.at, s.claim.node, {ping{s.seq, s.claim.node, self_.at, self_.name}}, false});
  });
}

// Only an answer from where it was asked counts.
bool swim_core::stranger_answered(sequence seq, const address& from) {
  const auto* s = strangers_.find(seq);
  if (s == nullptr || s->asked == 0) return false;
  if (s->claim.at.ip == from.ip) on_alive(strangers_.extract(seq), false, true);
  return true;
}

// Others' word alone fills no table: it would be everybody's who can send us a state. Costly looks come after this.
bool swim_core::must_wait(const alive& a) {
  const size_t trusted = std::max(settings_.unproven_max, settings_.unproven_ratio * members_.proven());
  if (!settings_.checks_claims || unproven() < (first_answer_ ? std::max(trusted, settings_.unproven_first) : trusted)) return false;
  if (is_self(a.node) || members_.find(a.node) != nullptr) return false;
  if (room_to_wait_ == 0) {
    ++figures_.refused;
    return true;
  }
  --room_to_wait_;
  if (!refuses(a)) strangers_.take(a, random_, now_);
  return true;
}

// After one exchange most of a large pool is known by hearsay. Probes would take a second each; small pools need nothing else.
void swim_core::ask_for_proof() {
  proofs_.clear();
  if (!settings_.checks_claims || unproven() <= settings_.unproven_max / 4) return;
  constexpr size_t looked_at_max = 256, asked_max = 32;
  for (size_t looked = 0; looked < std::min(looked_at_max, members_.size()) && proofs_.size() < asked_max; ++looked) {
    const auto& m = *members_.all()[next_proof_++ % members_.size()];
    if (m.proven || m.is_gone() || is_self(m.name)) continue;
    const auto seq = static_cast<sequence>(random_());
    if (!proofs_.emplace(seq, m.name).second) continue;
    effects_.push_back(send_packet{m.at, m.name, {ping{seq, m.name, self_.at, self_.name}}, m.checks_sums()});
  }
}

bool swim_core::gave_proof(sequence seq, const address& from) {
  const auto it = proofs_.find(seq);
  if (it == proofs_.end()) return false;
  if (auto* m = members_.find(it->second); m != nullptr && m->at.ip == from.ip) members_.prove(*m);
  return true;
}

// An incarnation goes far ahead once a minute at most, unless that refutes what we just heard: else a few forged messages would use up
// the counter, and nobody could refute any more.
bool swim_core::leaps_again(const alive& a) {
  constexpr nanos leap_pause = std::chrono::minutes(1);
  auto* m = members_.find(a.node);
  if (m == nullptr || is_self(a.node) || m->at != a.at || a.inc <= m->inc || a.inc - m->inc <= step_max) return false;
  if (const auto it = sentences_.find(a.node); it != sentences_.end() && a.inc > it->second.what.inc) return false;
  if (m->leapt >= nanos(0) && now_ - m->leapt < leap_pause) {
    ++figures_.refused;
    return true;
  }
  m->leapt = now_;
  return false;
}

// ---- the accused -------------------------------------------------------------------------------------------------

// A death told by packet is passed on at once, so that it spreads as fast as ever, but believed only when its subject neither answers
// nor refutes for a while. Who leaves still answers, who did not leave refutes.
void swim_core::hear_of_death(const dead& d) {
  const member* m = members_.find(d.node);
  if (m == nullptr || m->is_gone() || !is_sound(d.node, d.inc) || d.from.size() > name_max || d.inc < m->inc) return;
  const bool on_purpose = d.from == d.node;
  if (on_purpose && d.inc - m->inc > step_max) return; // its subject might not want to refute that
  auto [it, fresh] = sentences_.try_emplace(d.node);
  auto& s = it->second;
  if (!fresh && (s.what.inc > d.inc || (s.what.inc == d.inc && (s.what.from == d.node || !on_purpose)))) return;
  s.what = d;
  s.is_told = true;
  spread(d, m->name);
  if (!fresh) return;
  s.seq = static_cast<sequence>(random_());
  s.began = s.next_ask = now_;
  s.deadline = now_ + last_word();
  s.stream_at = on_purpose ? nanos::max() : now_ + ask_pause(); // who can, answers the packet before
  hearing_ = now_;
  hear_accused();
}

void swim_core::hear_accused() {
  if (now_ < hearing_) return;
  hearing_ = nanos::max();
  constexpr int asked_by_stream_max = 32;
  int room = asked_by_stream_max;
  for (const auto& [name, s] : sentences_) room -= s.on_stream ? 1 : 0;
  std::vector<node_name> gone;
  for (auto& [name, s] : sentences_) {
    const auto& m = *members_.find(name);
    if (s.deadline <= now_ && !gets_more_time(m, s)) {
      gone.push_back(name);
      continue;
    }
    if (s.next_ask <= now_) ask(m, s);
    if (s.stream_at <= now_) {
      const bool can = m.answers_streams() && settings_.tcp_pings && !s.is_asked;
      s.stream_at = can && room <= 0 ? now_ + ask_pause() : nanos::max();
      if (can && room-- > 0) ask_by_stream(m, s);
    }
    hearing_ = std::min({hearing_, s.deadline, s.next_ask, s.stream_at});
  }
  for (const auto& name : gone) {
    auto& m = *members_.find(name);
    const auto& s = sentences_.at(name);
    if (s.what.from != name && m.answered > s.began && m.answered > m.unanswered) acquit(m);
    else execute(name);
  }
}

void swim_core::ask(const member& m, sentence& s) {
  s.next_ask = now_ + ask_pause();
  send_packet p{m.at, m.name, {suspect{s.what.inc, m.name, self_.name}}, m.checks_sums()};
  // The acks of one that leaves would say nothing, and use up what it still has to tell to others.
  if (s.what.from != m.name) p.messages.insert(p.messages.begin(), ping{s.seq, m.name, self_.at, self_.name});
  effects_.push_back(std::move(p));
}

// Where packets get lost, at either end. A ping asks who is said to be dead; an exchange of states who is said to leave, as who leaves
// answers pings, and says of itself that it leaves.
void swim_core::ask_by_stream(const member& m, sentence& s) {
  s.is_asked = s.on_stream = true;
  if (s.what.from == s.what.node) s.exchange = exchange(m.at, false, now_);
  else effects_.push_back(send_tcp_ping{m.at, {s.seq, m.name, self_.at, self_.name}, now_ + awareness_.scale(settings_.probe_interval)});
}

// Where packets were dropped since it was accused, its answer may be among them: it waits until it can be asked by stream, and once more
// for that answer.
bool swim_core::gets_more_time(const member& m, sentence& s) {
  if (!may_have_missed(s.began) || !m.answers_streams() || !settings_.tcp_pings) return false;
  if (s.is_asked && s.is_stretched) return false;
  s.is_stretched = s.is_asked;
  s.deadline = now_ + (s.is_asked ? awareness_.scale(settings_.probe_interval) : ask_pause());
  if (!s.is_asked) s.stream_at = now_;
  return true;
}

// A suspicion is about to run out. What it rests on may be packets that were lost, so the suspect has a last word by stream, and it
// ends with a death or an acquittal.
void swim_core::hear_suspect(member& m) {
  auto [it, fresh] = sentences_.try_emplace(m.name);
  auto& s = it->second;
  if (fresh) {
    s.what = {m.inc, m.name, self_.name};
    s.seq = static_cast<sequence>(random_());
    s.began = m.suspected->started();
    s.deadline = std::max(m.suspected->deadline(), now_ + last_word());
    s.next_ask = s.stream_at = hearing_ = now_;
    s.is_told = false;
    s.confirmed = m.suspected->confirmed();
  } else {
    s.what.inc = std::max(s.what.inc, m.inc); // else it might count for nothing at its end, and the member remain a suspect
  }
  forget_suspicion(m);
  hear_accused();
}

void swim_core::execute(const node_name& name) {
  const sentence s = std::move(sentences_.extract(name).mapped());
  if (s.is_told) on_dead(s.what, true);
  else declare_dead(s.what, s.confirmed);
}

// A host that says that nobody listens there confirms the death; where packets are dropped it is asked twice, as who is flooded may
// turn streams away, too.
void swim_core::accused_answered_stream(sequence seq, stream_answer a) {
  const auto it = std::find_if(sentences_.begin(), sentences_.end(), [&](const auto& s) { return s.second.on_stream && s.second.seq == seq; });
  if (it == sentences_.end()) return;
  const node_name name = it->first;
  auto& s = it->second;
  s.on_stream = false;
  const bool says_it_leaves = s.what.from == name, certain = !may_have_missed(s.began) || ++s.refusals > 1;
  if (a == stream_answer::refused && certain) return execute(name);
  if (a == stream_answer::yes && !says_it_leaves) {
    auto& m = *members_.find(name);
    m.answered = now_;
    members_.prove(m);
    return acquit(m);
  }
  // Asked once more, now as one that leaves, or after a refusal.
  if (a == stream_answer::none || !may_have_missed(s.began)) return;
  s.is_asked = false;
  s.stream_at = now_ + (a == stream_answer::refused ? ask_pause() : nanos(0));
  hearing_ = std::min(hearing_, s.stream_at);
}

void swim_core::accused_answered_exchange(stream_id id, const push_pull* theirs) {
  const auto it = std::find_if(sentences_.begin(), sentences_.end(), [&](const auto& s) { return s.second.exchange == id; });
  if (it == sentences_.end()) return;
  const node_name name = it->first;
  it->second.on_stream = false;
  if (theirs == nullptr) return; // the deadline tells
  const bool stays = std::any_of(theirs->nodes.begin(), theirs->nodes.end(), [&](const auto& r) { return r.name == name && r.state == node_state::alive; });
  if (stays) acquit(*members_.find(name));
  else execute(name);
}

bool swim_core::accused_answered(sequence seq, const address& from) {
  for (auto& [name, s] : sentences_) {
    if (s.seq != seq) continue;
    auto& m = *members_.find(name);
    if (m.at.ip != from.ip) return true;
    m.answered = now_;
    members_.prove(m);
    if (s.what.from != name) acquit(m);
    return true;
  }
  return false;
}

// Did it answer us since it was accused?
bool swim_core::seems_alive(const member& m) const { return m.suspected && m.answered > m.suspected->started() && m.answered > m.unanswered; }

// Whoever answers us is not dead for us, whatever incarnation somebody claims to have seen.
void swim_core::acquit(member& m) {
  log(importance::warning, m.name + " answers and is not taken for dead");
  forget_suspicion(m);
  sentences_.erase(m.name);
  change_state(m, node_state::alive);
}

} // namespace actord::gossip
