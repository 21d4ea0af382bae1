#include "tests/sim/whole/history.hpp"
#include <fmt/format.h>
#include <unordered_set>

namespace actord::sim::whole {

namespace {

uint32_t value_at(uint64_t state, uint8_t key) { return static_cast<uint32_t>(key > first_paired_key ? state >> 32 : state); }
void put_at(uint64_t& state, uint8_t key, uint32_t value) {
  if (key > first_paired_key) state = (state & 0xffffffffU) | uint64_t{value} << 32;
  else state = (state & ~uint64_t{0xffffffffU}) | value;
}

// Consul's semantics of one step. False when it refuses; `state` is as it was then.
bool carry_out(uint64_t& state, const step& s, bool in_transaction, bool told) {
  const uint32_t now = value_at(state, s.key);
  switch (s.what) {
  case verb::get: return told ? s.seen == now : !in_transaction || now != 0;
  case verb::set: put_at(state, s.key, s.value); return true;
  case verb::erase: put_at(state, s.key, 0); return true;
  case verb::cas:
    if (now != s.expected) return false;
    put_at(state, s.key, s.value);
    return true;
  case verb::erase_cas: // an absent key is as good as deleted
    if (now != 0 && now != s.expected) return false;
    put_at(state, s.key, 0);
    return true;
  }
  return false;
}

struct object {
  using state = uint64_t;
  using op = operation;
  static bool step(state& s, const op& o) {
    state next = s;
    bool taken = true;
    const bool told = o.returned != 0 && o.done;
    for (size_t i = 0; i < o.count && taken; ++i) {
      if (o.in_transaction && o.steps[i].what == verb::get && value_at(next, o.steps[i].key) == 0) taken = false; // "doesn't exist"
      else taken = carry_out(next, o.steps[i], o.in_transaction, told);
    }
    if (o.returned == 0) {
      if (taken) s = next;
      return true;
    }
    if (taken != o.done) return false;
    if (taken) s = next;
    return true;
  }
};

// Whether a write without an answer may be left out. What tells of a write: a value that somebody saw, and a refusal, for
// which any write may be the reason.
std::vector<operation> drop_irrelevant(std::vector<operation> history) {
  std::unordered_set<uint32_t> observed;
  uint64_t last_refusal = 0;
  for (const auto& o : history) {
    if (o.returned != 0 && !o.done) last_refusal = std::max(last_refusal, o.returned);
    for (size_t i = 0; i < o.count; ++i) {
      const step& s = o.steps[i];
      if (s.what == verb::get && o.returned != 0 && o.done) observed.insert(s.seen);
      if (s.what == verb::cas) observed.insert(s.expected);
      if (s.what == verb::erase_cas) observed.insert({s.expected, 0});
    }
  }
  std::erase_if(history, [&](const operation& o) {
    if (o.returned != 0) return false;
    if (o.only_reads()) return true;
    if (o.invoked < last_refusal) return false;
    for (size_t i = 0; i < o.count; ++i) {
      const step& s = o.steps[i];
      const bool erases = s.what == verb::erase || s.what == verb::erase_cas;
      if (s.what != verb::get && observed.contains(erases ? 0 : s.value)) return false;
    }
    return true;
  });
  return history;
}

} // namespace

std::string_view name_of(verb v) {
  static constexpr std::string_view names[] = {"get", "set", "delete", "cas", "delete-cas"};
  return names[static_cast<size_t>(v)];
}

bool operation::only_reads() const {
  for (size_t i = 0; i < count; ++i)
    if (steps[i].what != verb::get) return false;
  return true;
}

std::string describe(const operation& o) {
  std::string out = o.in_transaction ? "txn" : "";
  for (size_t i = 0; i < o.count; ++i) {
    const step& s = o.steps[i];
    out += fmt::format("{}{} k{}", out.empty() ? "" : " ", name_of(s.what), s.key);
    if (s.what == verb::set || s.what == verb::cas) out += fmt::format(" value={}", s.value);
    if (s.what == verb::cas || s.what == verb::erase_cas) out += fmt::format(" expected={}", s.expected);
    if (s.what == verb::get && o.returned != 0 && o.done) out += fmt::format(" seen={}", s.seen);
  }
  return out + (o.returned == 0 ? " ?" : o.done ? " ok" : " refused") + fmt::format(" [{}, {}]", o.invoked, o.returned);
}

search_result check(const std::vector<operation>& history, size_t max_steps) {
  search_result out;
  std::array<std::vector<operation>, first_paired_key + 1> objects;
  for (const auto& o : history) objects[std::min(o.steps[0].key, first_paired_key)].push_back(o);
  for (size_t i = 0; i < objects.size(); ++i) {
    const auto relevant = drop_irrelevant(objects[i]);
    const auto v = linear_search<object>(relevant, max_steps).run();
    if (v == verdict::undecided) ++out.undecided;
    if (v != verdict::violated) continue;
    out.worst = v;
    if (out.failure.empty()) out.failure = fmt::format("linearizability: no order explains what clients saw of key {}{}", i, i == first_paired_key ? " and 4" : "");
  }
  return out;
}

} // namespace actord::sim::whole
