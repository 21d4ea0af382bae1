#include "api/dns/core/fair_slots.hpp"
#include <algorithm>
#include <bit>

namespace actord::dns {

fair_slots::fair_slots(uint32_t slots, uint64_t key) : key_(key | 1), slots_(slots) {
  for (uint32_t s = slots; s > 0; --s) {
    slots_[s - 1].behind = free_;
    free_ = s - 1;
  }
}

uint32_t fair_slots::take(uint64_t source) {
  if (free_ == none) return none;
  const uint32_t taken = free_;
  auto& s = slots_[taken];
  free_ = s.behind;
  ++taken_;
  const size_t which = line_of(source);
  auto& l = lines_[which];
  s = {l.last, none, static_cast<uint8_t>(which)};
  (l.last == none ? l.first : slots_[l.last].behind) = taken;
  l.last = taken;
  if (l.length++ == 0) waiting_[which / 64] |= uint64_t{1} << which % 64;
  if (l.length > lines_[longest_].length) longest_ = which;
  return taken;
}

void fair_slots::release(uint32_t given) {
  auto& s = slots_[given];
  auto& l = lines_[s.line];
  (s.before == none ? l.first : slots_[s.before].behind) = s.behind;
  (s.behind == none ? l.last : slots_[s.behind].before) = s.before;
  if (--l.length == 0) waiting_[s.line / 64] &= ~(uint64_t{1} << s.line % 64);
  if (s.line == longest_)
    longest_ = static_cast<size_t>(std::max_element(lines_.begin(), lines_.end(), [](const line& a, const line& b) { return a.length < b.length; }) - lines_.begin());
  s = {none, free_, 0};
  free_ = given;
  --taken_;
}

uint32_t fair_slots::next() {
  if (taken_ == 0) return none;
  size_t word = turn_ / 64;
  uint64_t bits = waiting_[word] & (~uint64_t{0} << turn_ % 64);
  while (bits == 0) bits = waiting_[word = (word + 1) % waiting_.size()]; // its own lower half comes last
  const size_t which = word * 64 + static_cast<size_t>(std::countr_zero(bits));
  turn_ = (which + 1) % line_count;
  return lines_[which].first;
}

} // namespace actord::dns
