// swim_core, failure detection: actors/gossip/swim.md, Probes and Suspicion.
#include "actors/gossip/core/swim_core.hpp"

namespace actord::gossip {

namespace {
constexpr size_t relays_max = 1024; // pings on behalf of others at a time; more are not served
}

void swim_core::probe_tick() {
  ask_for_proof();
  if (probe_) probe_due_ = true;
  else begin_next_probe();
}

void swim_core::begin_next_probe() {
  for (int walks = 0; walks < 2;) {
    member* m = ring_.next();
    if (m != nullptr && !is_self(m->name) && !m->is_gone()) return begin_probe(*m);
    if (m != nullptr) continue;
    ++walks;
    ring_.restart(random_, [&](member& old) {
      const nanos keep = old.state == node_state::dead ? settings_.gossip_to_the_dead_time : settings_.left_node_keep_time;
      if (!old.is_gone() || is_self(old.name) || now_ - old.changed <= keep) return false;
      members_.erase(old);
      return true;
    });
  }
}

void swim_core::begin_probe(member& m) {
  ++figures_.probes;
  probe p;
  p.seq = next_sequence();
  p.node = m.name;
  p.at = m.at;
  p.inc = m.inc;
  p.takes_streams = m.answers_streams();
  p.sent = now_;
  p.ask_others = now_ + settings_.probe_timeout;
  p.deadline = std::max(p.ask_others, now_ + awareness_.scale(settings_.probe_interval));
  ping hello{p.seq, m.name, self_.at, self_.name};
  if (m.state == node_state::suspect && settings_.tell_suspects) {
    // It learns of the accusation at the first opportunity to refute it.
    effects_.push_back(send_packet{m.at, m.name, {std::move(hello), suspect{m.inc, m.name, self_.name}}, m.checks_sums()});
  } else {
    send_with_piggyback(m.at, m.name, std::move(hello));
  }
  probe_ = std::move(p);
}

void swim_core::serve_probe() {
  if (!probe_) return;
  if (!probe_->asked_others && now_ >= probe_->ask_others) ask_others();
  if (now_ >= probe_->deadline) end_probe(false);
}

void swim_core::ask_others() {
  probe& p = *probe_;
  p.asked_others = true;
  const auto relays = members_.pick(static_cast<size_t>(std::max(0, settings_.indirect_checks)), random_, [&](const member& m) {
    return m.state == node_state::alive && !is_self(m.name) && m.name != p.node;
  });
  for (const auto* m : relays) {
    if (m->sends_nacks()) ++p.nacks_due;
    send_with_piggyback(m->at, m->name, indirect_ping{p.seq, p.node, p.at, m->sends_nacks(), self_.at, self_.name});
  }
  if (p.takes_streams && settings_.tcp_pings)
    effects_.push_back(send_tcp_ping{p.at, {p.seq, p.node, self_.at, self_.name}, p.deadline});
}

void swim_core::end_probe(bool answered, bool host_spoke) {
  const probe p = std::move(*probe_);
  probe_.reset();
  if (auto* m = members_.find(p.node); m != nullptr) {
    (answered ? m->answered : m->unanswered) = answered ? p.sent : now_;
    if (answered) members_.prove(*m);
  }
  if (answered) {
    awareness_.apply(-1);
  } else {
    ++figures_.probes_failed;
    // Whoever hears nothing from those that it asked, not even that they tried, is likely to be the one at fault.
    if (!host_spoke) awareness_.apply(p.nacks_due > 0 ? std::max(0, p.nacks_due - p.nacks) : 1);
    if (const member* m = members_.find(p.node); m != nullptr && !m->is_gone()) {
      log(importance::notice, "suspect " + p.node + " has failed, no acks received");
      on_suspect({p.inc, p.node, self_.name});
    }
  }
  if (std::exchange(probe_due_, false)) begin_next_probe();
}

void swim_core::tcp_ping_ended(sequence seq, bool answered, nanos now) {
  pass(now);
  if (!probe_ || probe_->seq != seq) return accused_answered_stream(seq, answered ? stream_answer::yes : stream_answer::none);
  if (!answered) return; // the deadline tells
  log(importance::warning, "was able to connect to " + probe_->node + " but other probes failed, network may be misconfigured");
  end_probe(true);
}

void swim_core::tcp_ping_refused(sequence seq, nanos now) {
  pass(now);
  if (probe_ && probe_->seq == seq) end_probe(false, true);
  else accused_answered_stream(seq, stream_answer::refused);
}

std::optional<ack> swim_core::answer_tcp_ping(const ping& p) const {
  if (!p.node.empty() && !is_self(p.node)) return std::nullopt;
  return ack{p.seq, {}};
}

void swim_core::handle(ping& m, const address& from) {
  // Addresses are used again under other names, and whoever asks for the former one must not think it alive.
  if (!m.node.empty() && !is_self(m.node)) {
    log(importance::warning, "got ping for unexpected node " + m.node);
    return;
  }
  send_with_piggyback(m.source.empty() || m.source.port == 0 ? from : m.source, m.source_node, ack{m.seq, ack_payload_});
}

void swim_core::handle(indirect_ping& m, const address& from) {
  if (relays_.size() >= relays_max) {
    ++figures_.refused;
    return;
  }
  relay r;
  r.seq = next_sequence();
  r.theirs = m.seq;
  r.to = m.source.empty() || m.source.port == 0 ? from : m.source;
  r.nack = m.nack;
  r.deadline = now_ + settings_.probe_timeout;
  send_with_piggyback(m.target, m.node, ping{r.seq, m.node, self_.at, self_.name});
  relays_.push_back(std::move(r));
}

void swim_core::handle(ack& m, const address& from) {
  if (probe_ && probe_->seq == m.seq) {
    // What came through others, or late because of ourselves, says nothing about the distance.
    if (!probe_->asked_others && !probe_->stalled)
      effects_.push_back(tell_round_trip{probe_->node, now_ - probe_->sent, std::move(m.payload)});
    return end_probe(true);
  }
  if (stranger_answered(m.seq, from) || accused_answered(m.seq, from) || gave_proof(m.seq, from)) return;
  for (auto& r : relays_) {
    if (r.seq != m.seq || r.answered) continue;
    r.answered = true;
    send_with_piggyback(r.to, {}, ack{r.theirs, {}});
  }
}

void swim_core::handle(nack& m, const address&) {
  if (probe_ && probe_->seq == m.seq) ++probe_->nacks;
}

void swim_core::serve_relays() {
  while (!relays_.empty() && relays_.front().deadline <= now_) {
    const relay r = std::move(relays_.front());
    relays_.pop_front();
    if (r.nack && !r.answered) send_with_piggyback(r.to, {}, nack{r.theirs});
  }
}

void swim_core::send_with_piggyback(const address& to, const node_name& node, message m) {
  const size_t used = size_bound(m) + compound_part + compound_header + packet_overhead_;
  send_packet p{to, node, {}, false};
  p.messages.push_back(std::move(m));
  if (used < settings_.udp_buffer_size) fill(p.messages, settings_.udp_buffer_size - used);
  effects_.push_back(std::move(p));
}

} // namespace actord::gossip
