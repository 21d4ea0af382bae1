// Indexes and terms as types of their own, so that one is never passed for another.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace actord {

template <class Tag> struct strong_u64 {
  uint64_t v = 0;
  constexpr strong_u64() = default;
  constexpr explicit strong_u64(uint64_t x) : v(x) {}
  constexpr auto operator<=>(const strong_u64&) const = default;
  constexpr strong_u64 next() const { return strong_u64{v + 1}; }
  constexpr strong_u64 prev() const { return strong_u64{v - 1}; }
};

// Position in the Raft log; 0 is "before the first entry". Also X-Consul-Index and every Create/ModifyIndex.
using raft_index = strong_u64<struct raft_index_tag>;
// Raft term; 0 is "before the first election".
using raft_term = strong_u64<struct raft_term_tag>;

// A server's node id (UUID text, 36 characters); "" is nobody.
using server_id = std::string;

} // namespace actord

template <class Tag> struct std::hash<actord::strong_u64<Tag>> {
  size_t operator()(const actord::strong_u64<Tag>& x) const noexcept { return std::hash<uint64_t>{}(x.v); }
};
