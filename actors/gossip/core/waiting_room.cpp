#include "actors/gossip/core/waiting_room.hpp"
#include <utility>

namespace actord::gossip {

namespace {
constexpr nanos pause = std::chrono::milliseconds(20); // when there is no allowance for a ping
}

std::string waiting_room::key_of(const alive& a) { return a.node + '\0' + a.at.ip + '\0' + std::to_string(a.at.port); }

void waiting_room::erase(size_t at) {
  by_key_.erase(key_of(all_[at].claim));
  by_seq_.erase(all_[at].seq);
  if (at + 1 < all_.size()) {
    all_[at] = std::move(all_.back());
    by_key_[key_of(all_[at].claim)] = at;
    by_seq_[all_[at].seq] = at;
  }
  all_.pop_back();
}

void waiting_room::take(alive claim, prng& random, nanos now) {
  auto key = key_of(claim);
  if (const auto it = by_key_.find(key); it != by_key_.end()) {
    if (auto& known = all_[it->second].claim; known.inc < claim.inc) known = std::move(claim);
    return;
  }
  if (all_.size() >= capacity) erase(random.below(all_.size()));
  auto seq = static_cast<sequence>(random());
  while (by_seq_.contains(seq)) ++seq;
  by_key_.emplace(std::move(key), all_.size());
  by_seq_.emplace(seq, all_.size());
  all_.push_back({std::move(claim), seq, 0, now});
  next_due_ = std::min(next_due_, now);
}

void waiting_room::serve(nanos now, nanos interval, const asking& ask) {
  if (now < next_due_) return;
  next_due_ = nanos::max();
  for (size_t i = all_.size(); i-- > 0;) {
    auto& s = all_[i];
    if (s.due <= now && s.asked == attempts_) {
      erase(i);
      continue;
    }
    if (s.due <= now && pings_.take(now)) {
      ++s.asked;
      s.due = now + interval;
      ask(s);
    } else if (s.due <= now) {
      s.due = now + pause;
    }
    next_due_ = std::min(next_due_, s.due);
  }
}

const waiting_room::stranger* waiting_room::find(sequence seq) const {
  const auto it = by_seq_.find(seq);
  return it == by_seq_.end() ? nullptr : &all_[it->second];
}

alive waiting_room::extract(sequence seq) {
  const size_t at = by_seq_.at(seq);
  alive claim = all_[at].claim; // a copy: its name is needed to erase it
  erase(at);
  return claim;
}

void waiting_room::postpone(nanos by) {
  for (auto& s : all_) s.due += by;
  if (!all_.empty()) next_due_ += by;
}

} // namespace actord::gossip
