#include "actors/raft/core/wire.hpp"
#include "runtime/base/prng.hpp"
#include "tests/actors/raft/core/cluster.hpp"
#include "tests/support/tests_folder.hpp"
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
         a.reject == b.reject && a.transfer == b.transfer && a.members == b.members && a.members_index == b.members_index;
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
membership sample_members() {
  membership m;
  m.voters = {"s1", "s2"};
  m.learners = {"l1"};
  m.addresses = {{"l1", "[::1]:8300"}, {"s1", "10.0.0.1:8300"}};
  return m;
}
message sample_snapshot() {
  auto m = make_message(message_kind::install_snapshot, "s1", 3);
  m.to = "l1";
  m.log_index = raft_index{300};
  m.log_term = raft_term{2};
  m.members = sample_members();
  m.members_index = raft_index{7};
  return m;
}
std::string golden(const std::string& name) {
  std::ifstream file(actord::test::tests_folder() + "/golden/raft_wire/" + name);
  std::string text;
  std::getline(file, text);
  return text;
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
    if (random.chance(0.3)) {
      m.members.emplace();
      for (uint64_t n = random.between(1, 9); n > 0; --n) {
        auto& group = random.chance(0.5) ? m.members->voters : m.members->learners;
        group.push_back("server" + std::to_string(n));
        if (random.chance(0.7)) m.members->addresses[group.back()] = std::string(random.below(30), 'c');
      }
      m.members_index = raft_index{number()};
    }
    std::string bytes;
    encode(m, bytes);
    auto back = decode(bytes);
    REQUIRE(back);
    REQUIRE(same(m, *back));
  }
}

TEST_CASE("bytes of every version that was released still decode, and the present one still writes its own") {
  std::ifstream file(actord::test::tests_folder() + "/golden/raft_wire/append_v1.hex");
  std::string text;
  REQUIRE(std::getline(file, text));
  auto m = decode(unhex(text));
  REQUIRE(m);
  CHECK(same(*m, sample()));
  std::string bytes;
  encode(sample(), bytes);
  CHECK(hex(bytes) == text);
}

TEST_CASE("configurations of every version that was released still decode, alone and inside of a snapshot's message") {
  auto members = decode_membership(unhex(golden("membership_v1.hex")));
  REQUIRE(members);
  CHECK(*members == sample_members());
  std::string bytes;
  encode(sample_members(), bytes);
  CHECK(hex(bytes) == golden("membership_v1.hex"));
  auto m = decode(unhex(golden("install_snapshot_v2.hex")));
  REQUIRE(m);
  CHECK(same(*m, sample_snapshot()));
  bytes.clear();
  encode(sample_snapshot(), bytes);
  CHECK(hex(bytes) == golden("install_snapshot_v2.hex"));
}

TEST_CASE("a configuration has bounds, skips what it does not know and refuses what is cut short") {
  std::string bytes;
  encode(sample_members(), bytes);
  CHECK(*decode_membership(bytes + unhex("c80105" "c90103616263")) == sample_members());
  for (size_t n = 0; n < bytes.size(); ++n) {
    auto m = decode_membership(std::string_view(bytes).substr(0, n));
    if (m) CHECK_FALSE(*m == sample_members());
  }
  CHECK_FALSE(decode_membership(bytes, {.max_message_bytes = bytes.size() - 1}));
  CHECK_FALSE(decode_membership(bytes, {.max_id_bytes = 1}));
  CHECK_FALSE(decode_membership(bytes, {.max_members = 1}));
  CHECK_FALSE(decode_membership(bytes, {.max_address_bytes = 9}));
  CHECK_FALSE(decode_membership(unhex("0201"))); // a voter that is a number
  CHECK_FALSE(decode_membership(unhex("0300"))); // a voter without a name
  std::string crowd;
  for (int i = 0; i < 1025; ++i) crowd += unhex("030161");
  CHECK_FALSE(decode_membership(crowd));
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
