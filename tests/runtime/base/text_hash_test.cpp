#include "runtime/base/text_hash.hpp"
#include <bit>
#include <doctest/doctest.h>

using namespace actord;

namespace {

// What std::hash of libstdc++ does with 16 bytes (MurmurHash64A, Austin Appleby): whatever the first eight are, eight can be found that lead to `end`.
constexpr uint64_t times = 0xc6a4a7935bd1e995u;
uint64_t stirred(uint64_t v) { return v ^ (v >> 47); }
uint64_t inverse(uint64_t a) {
  uint64_t x = a;
  for (int i = 0; i < 6; ++i) x *= 2 - a * x;
  return x;
}
std::string colliding(uint64_t first) {
  const uint64_t start = 0xc70f6907u ^ (16 * times), end = 42;
  const uint64_t between = (start ^ stirred(first * times) * times) * times;
  const uint64_t second = stirred((between ^ end * inverse(times)) * inverse(times)) * inverse(times);
  return std::string(reinterpret_cast<const char*>(&first), 8) + std::string(reinterpret_cast<const char*>(&second), 8);
}

} // namespace

TEST_CASE("texts made to collide under std::hash do not under this one") {
  std::unordered_set<size_t> theirs, ours, running;
  constexpr size_t count = 20000;
  for (uint64_t n = 0; n < count; ++n) {
    const auto text = colliding(n * 0x9e3779b97f4a7c15u);
    theirs.insert(std::hash<std::string>{}(text));
    ours.insert(text_hash{}(text));
    running_hash h;
    for (char c : text) h.put(c);
    running.insert(h.so_far());
  }
  CHECK(theirs.size() == 1);
  CHECK(ours.size() == count);
  CHECK(running.size() == count);
}

TEST_CASE("a text's hash follows from its bytes and its length alone, and each bit counts") {
  for (size_t length = 0; length < 40; ++length) {
    const std::string text(length, 'x');
    CHECK(text_hash{}(text) == text_hash{}(std::string_view(("y" + text + "z")).substr(1, length)));
    CHECK(text_hash{}(text) != text_hash{}(text + '\0'));
    for (size_t bit = 0; bit < 8 * length; ++bit) {
      auto other = text;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
      const auto differ = std::popcount(text_hash{}(text) ^ text_hash{}(other));
      CHECK(differ > 8);
    }
  }
}

TEST_CASE("another key gives other hashes") {
  const auto before = text_hash{}("web");
  const auto key = text_hash_key;
  draw_text_hash_key();
  CHECK(text_hash{}("web") != before);
  text_hash_key = key;
  CHECK(text_hash{}("web") == before);
}
