#include "actors/raft/core/wire.hpp"
#include "runtime/base/prng.hpp"
#include "tests/actors/raft/core/cluster.hpp"
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace actord;
using namespace actord::raft;

namespace {
std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) out += {digits[c >> 4], digits[c & 15]};
  return out;
}
std::string unhex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return out;
}
bool same(const message& a, const message& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (size_t i = 0; i < a.entries.size(); ++i) {
    const auto &x = a.entries[i], &y = b.entries[i];
    if (x.index != y.index || x.term != y.term || x.kind != y.kind || x.bytes() != y.bytes()) return false;
  }
  return a.kind == b.kind && a.from == b.from && a.to == b.to && a.term == b.term && a.log_index == b.log_index &&
         a.log_term == b.log_term && a.commit == b.commit && a.rejected_prev == b.rejected_prev && a.round == b.round &&
         a.reject == b.reject && a.transfer == b.transfer;
}
message sample() {
  auto m = make_message(message_kind::append, "s1", 3);
  m.to = "s2";
  m.log_index = raft_index{300};
  m.log_term = raft_term{2};
  m.commit = raft_index{299};
  m.entries = {make_entry(301, 3, "put"), make_entry(302, 3)};
  m.entries[1].kind = entry_kind::noop;
  return m;
}
} // namespace

TEST_CASE("what is encoded is decoded, whatever the values") {
  prng random(3);
  const auto number = [&] { return random() >> random.below(65 - 1); };
  for (int i = 0; i < 5000; ++i) {
    message m;
    m.kind = static_cast<message_kind>(random.between(1, 10));
    m.from = std::string(random.below(40), 'a');
    m.to = std::string(random.below(40), 'b');
    m.term = raft_term{number()};
    m.log_index = raft_index{number()};
    m.log_term = raft_term{number()};
    m.commit = raft_index{number()};
    m.rejected_prev = raft_index{number()};
    m.round = number();
    m.reject = random.chance(0.5);
    m.transfer = random.chance(0.5);
    for (uint64_t n = random.below(4); n > 0; --n) {
      entry e = make_entry(number(), number(), std::string(random.below(300), 'p'));
      e.kind = static_cast<entry_kind>(random.below(3));
      m.entries.push_back(e);
    }
    std::string bytes;
    encode(m, bytes);
    auto back = decode(bytes);
    REQUIRE(back);
    REQUIRE(same(m, *back));
  }
}

TEST_CASE("bytes of every version that was released still decode, and the present one still writes its own") {
  std::ifstream file(std::string(ACTORD_TESTS_DIR) + "/golden/raft_wire/append_v1.hex");
  std::string text;
  REQUIRE(std::getline(file, text));
  auto m = decode(unhex(text));
  REQUIRE(m);
  CHECK(same(*m, sample()));
  std::string bytes;
  encode(sample(), bytes);
  CHECK(hex(bytes) == text);
}

TEST_CASE("unknown fields are skipped") {
  std::string bytes;
  encode(sample(), bytes);
  bytes += unhex("c80105"         // field 100, number 5
                 "c901" "03616263"); // field 100, three bytes
  auto m = decode(bytes);
  REQUIRE(m);
  CHECK(same(*m, sample()));
}

TEST_CASE("every truncation is an error or a shorter message, never more") {
  std::string bytes;
  encode(sample(), bytes);
  for (size_t n = 0; n < bytes.size(); ++n) {
    auto m = decode(std::string_view(bytes).substr(0, n));
    if (m) CHECK(m->entries.size() < 2);
  }
}

TEST_CASE("bounds hold before memory is spent") {
  std::string bytes;
  encode(sample(), bytes);
  CHECK_FALSE(decode(bytes, {.max_message_bytes = bytes.size() - 1}));
  CHECK_FALSE(decode(bytes, {.max_entries = 1}));
  CHECK_FALSE(decode(bytes, {.max_id_bytes = 1}));
  CHECK_FALSE(decode(""));
  CHECK_FALSE(decode(unhex("0263")));                   // kind 99
  CHECK_FALSE(decode(unhex("0205" "19ffffffffffffffffff7f"))); // a length beyond 64 bits
}
