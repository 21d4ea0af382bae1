// The state machine that the simulated servers replicate: a few keys with a number each. 0 is "absent".
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace actord::sim {

constexpr size_t key_count = 5;

enum class op_kind : uint8_t { get, put, cas, erase };

struct command {
  op_kind kind = op_kind::get;
  uint8_t key = 0;
  uint32_t id = 0;       // the operation's, so that no two commands have the same bytes
  uint32_t value = 0;    // put, cas: what to write; unique, so that a read tells which write it saw
  uint32_t expected = 0; // cas: written only over this

  std::string encode() const {
    std::string out(14, '\0');
    out[0] = static_cast<char>(kind);
    out[1] = static_cast<char>(key);
    std::memcpy(&out[2], &id, 4);
    std::memcpy(&out[6], &value, 4);
    std::memcpy(&out[10], &expected, 4);
    return out;
  }
  static command decode(std::string_view in) {
    command c;
    if (in.size() != 14) return c;
    c.kind = static_cast<op_kind>(in[0]);
    c.key = static_cast<uint8_t>(in[1]);
    std::memcpy(&c.id, in.data() + 2, 4);
    std::memcpy(&c.value, in.data() + 6, 4);
    std::memcpy(&c.expected, in.data() + 10, 4);
    return c;
  }
};

// Applies to one key; returns what get and cas saw (0 for the blind put and erase).
inline uint32_t apply_to(uint32_t& slot, op_kind kind, uint32_t value, uint32_t expected) {
  const uint32_t seen = slot;
  switch (kind) {
  case op_kind::get: return seen;
  case op_kind::put: slot = value; return 0;
  case op_kind::erase: slot = 0; return 0;
  case op_kind::cas:
    if (seen == expected) slot = value;
    return seen;
  }
  return 0;
}

struct kv_machine {
  std::array<uint32_t, key_count> slots{};
  uint64_t history = 0; // hash of all entries applied so far: equal on all servers that applied as many

  uint32_t apply(const command& c) { return apply_to(slots[c.key % key_count], c.kind, c.value, c.expected); }
};

inline uint64_t mix(uint64_t h, uint64_t x) {
  h ^= x + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
  h *= 0xff51afd7ed558ccdULL;
  return h ^ (h >> 32);
}
inline uint64_t mix(uint64_t h, std::string_view bytes) {
  h = mix(h, bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    h = mix(h, word);
  }
  uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return mix(h, rest);
}

} // namespace actord::sim
