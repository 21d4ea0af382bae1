// A hash of texts that strangers choose (names, keys, paths): it has a key of this process, so that nobody can think up thousands of texts
// that fall into one bucket, as is done in a second for std::hash, whose seed is known. Folded multiplication, as in wyhash (Wang Yi).
//
// The key is the same one until draw_text_hash_key() was called, so that tests and simulations see the same order of buckets each time.
#pragma once
#include "runtime/base/prng.hpp"
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace actord {

inline uint64_t text_hash_key = 0x2d358dccaa6c78a5u;

// Once, before any thread or table is there.
void draw_text_hash_key();

inline uint64_t folded_product(uint64_t a, uint64_t b) noexcept {
  const auto p = static_cast<unsigned_128>(a) * b;
  return static_cast<uint64_t>(p) ^ static_cast<uint64_t>(p >> 64);
}

struct text_hash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const noexcept {
    constexpr uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t h = text_hash_key ^ s.size(), word = 0;
    for (; s.size() > sizeof word; s.remove_prefix(sizeof word)) {
      std::memcpy(&word, s.data(), sizeof word);
      h = folded_product(h ^ word, text_hash_key ^ odd);
    }
    word = 0;
    if (!s.empty()) std::memcpy(&word, s.data(), s.size());
    return folded_product(folded_product(h ^ word, text_hash_key ^ odd), odd);
  }
};

// Of a text from its start on, a byte at a time: the hash of each prefix on the way.
class running_hash {
public:
  void put(char c) noexcept { state_ = folded_product(state_ ^ static_cast<unsigned char>(c), key_); }
  size_t so_far() const noexcept { return state_; }

private:
  uint64_t key_ = text_hash_key | 1, state_ = ~text_hash_key;
};

template <class T> using text_map = std::unordered_map<std::string, T, text_hash, std::equal_to<>>;
using text_view_set = std::unordered_set<std::string_view, text_hash, std::equal_to<>>;

} // namespace actord
