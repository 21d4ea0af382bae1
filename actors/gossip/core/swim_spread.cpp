// swim_core, dissemination: gossip rounds and the exchange of whole states; actors/gossip/swim.md, Dissemination.
#include "actors/gossip/core/swim_core.hpp"
#include <algorithm>

namespace actord::gossip {

bool swim_core::has_news() const {
  return !about_self_.empty() || !about_members_.empty() || !from_above_[0].empty() || !from_above_[1].empty() || !from_above_[2].empty();
}

void swim_core::gossip_round() {
  const auto hearers = members_.pick(static_cast<size_t>(std::max(0, settings_.gossip_nodes)), random_, [&](const member& m) {
    if (is_self(m.name) || m.state == node_state::left) return false;
    // The dead are told, too: one that is not so can refute.
    return m.state != node_state::dead || now_ - m.changed <= settings_.gossip_to_the_dead_time;
  });
  const size_t spent = compound_header + packet_overhead_;
  for (const auto* m : hearers) {
    send_packet p{m->at, m->name, {}, m->checks_sums()};
    if (spent < settings_.udp_buffer_size) fill(p.messages, settings_.udp_buffer_size - spent);
    if (p.messages.empty()) return;
    effects_.push_back(std::move(p));
  }
}

void swim_core::fill(std::vector<message>& out, size_t budget) {
  std::vector<uint64_t> done;
  for (auto* queue : {&about_self_, &about_members_})
    queue->take(out, budget, compound_part, settings_.retransmit_limit(members_.size()), compound_parts_max, done);
  for (auto& queue : from_above_)
    queue.take(out, budget, compound_part, settings_.retransmit_limit(user_population()), compound_parts_max, done);
  settle(done, true);
}

push_pull swim_core::state_of_all(bool join) const {
  push_pull out;
  out.join = join;
  out.nodes.reserve(members_.size());
  for (const auto* m : members_.all()) out.nodes.push_back(m->report());
  return out;
}

void swim_core::push_pull_round() {
  const auto with = members_.pick(1, random_, [&](const member& m) { return m.state == node_state::alive && !is_self(m.name); });
  if (!with.empty()) exchange(with.front()->at, false, now_);
}

// Each side must speak what all that are alive understand, and understand what any of them speaks.
std::string swim_core::check_versions(const std::vector<node_report>& theirs) const {
  uint8_t least[2] = {0, 0}, most[2] = {255, 255}; // of memberlist's protocol, of the one above
  const auto narrow = [&](const versions& v) {
    for (size_t i = 0; i < 2; ++i) {
      least[i] = std::max(least[i], v[3 * i]);
      most[i] = std::min(most[i], v[3 * i + 1]);
    }
  };
  const auto objection = [&](const node_name& name, const versions& v) -> std::string {
    for (size_t i = 0; i < 2; ++i) {
      const uint8_t spoken = v[3 * i + 2];
      if (spoken < least[i] || spoken > most[i])
        return "Node '" + name + "' " + (i == 0 ? "" : "delegate ") + "protocol version (" + std::to_string(spoken) +
               ") is incompatible: [" + std::to_string(least[i]) + ", " + std::to_string(most[i]) + "]";
    }
    return {};
  };
  for (const auto& r : theirs) {
    if (!r.vsn) return "Node '" + r.name + "' has no protocol versions";
    if (r.state == node_state::alive) narrow(*r.vsn);
  }
  for (const auto* m : members_.all()) {
    if (m->state == node_state::alive) narrow(m->vsn);
  }
  for (const auto& r : theirs) {
    if (auto text = objection(r.name, *r.vsn); !text.empty()) return text;
  }
  for (const auto* m : members_.all()) {
    if (auto text = objection(m->name, m->vsn); !text.empty()) return text;
  }
  return {};
}

// Returns why not, or "". `asked`: by us, where we know somebody to be.
std::string swim_core::merge(const push_pull& theirs, bool asked) {
  if (auto text = check_versions(theirs.nodes); !text.empty()) return text;
  if (theirs.join && vetoes_.of_join) {
    if (auto why = vetoes_.of_join(theirs.nodes)) return *why;
  }
  asked_for_ = asked;
  room_to_wait_ = waiting_room::capacity;
  for (const auto& r : theirs.nodes) {
    if (asked && remembers_us_far_ahead(r)) continue;
    switch (r.state) {
    case node_state::alive: on_alive({r.inc, r.name, r.at, r.meta, r.vsn}, false); break;
    case node_state::left: on_dead({r.inc, r.name, r.name}); break;
    // Somebody else's death sentence is only a suspicion here, so that its subject can still refute it.
    case node_state::dead:
    case node_state::suspect: on_suspect({r.inc, r.name, self_.name}); break;
    }
  }
  asked_for_ = false;
  room_to_wait_ = waiting_room::capacity;
  return {};
}

// Whoever remembers of us what is no longer so is told at once: gossip in a small pool may go past it, and the next exchange is far.
void swim_core::set_right(const push_pull& theirs, const address& with) {
  if (!settings_.answer_accusers || leaving_) return;
  const auto us = std::find_if(theirs.nodes.begin(), theirs.nodes.end(), [&](const auto& r) { return is_self(r.name); });
  if (us == theirs.nodes.end() || (us->state == node_state::alive && us->inc >= own_inc_ && us->at == self_.at)) return;
  effects_.push_back(send_packet{with, {}, {own_alive(own_inc_)}, false});
}

} // namespace actord::gossip
