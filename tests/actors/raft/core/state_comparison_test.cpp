#include "actors/raft/core/state_comparison.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::raft;

namespace {

membership voters(std::vector<server_id> v) {
  membership m;
  m.voters = std::move(v);
  return m;
}
using points = std::vector<digest_point>;
points at(std::vector<std::pair<uint64_t, uint64_t>> p) {
  points out;
  for (auto [index, value] : p) out.push_back({raft_index{index}, value});
  return out;
}
const membership three = voters({"a", "b", "c"});

} // namespace

TEST_CASE("a majority decides, and each server judges about itself alone") {
  const std::map<server_id, points> others{{"b", at({{10, 7}})}, {"c", at({{10, 7}})}};
  CHECK(compare(three, "a", at({{10, 7}}), others).found == agreement::agrees);
  const auto wrong = compare(three, "a", at({{10, 6}}), others);
  CHECK(wrong.found == agreement::differs);
  CHECK(wrong.at == raft_index{10});
  CHECK(wrong.own == 6);
  CHECK(wrong.other == 7);
  CHECK(wrong.holders == std::vector<server_id>{"b", "c"});
  // c is the one that is wrong, which is for c to say.
  CHECK(compare(three, "a", at({{10, 7}}), {{"b", at({{10, 7}})}, {"c", at({{10, 3}})}}).found == agreement::agrees);
}

TEST_CASE("two that differ are no majority of two or of three, and one that differs from three of five is wrong") {
  const auto of_two = compare(voters({"a", "b"}), "a", at({{10, 7}}), {{"b", at({{10, 6}})}});
  CHECK(of_two.found == agreement::disputed);
  CHECK(of_two.holders == std::vector<server_id>{"b"});
  CHECK(compare(three, "a", at({{10, 7}}), {{"b", at({{10, 6}})}}).found == agreement::disputed);
  CHECK(compare(three, "a", at({{10, 7}}), {{"b", at({{10, 6}})}, {"c", at({{10, 5}})}}).found == agreement::disputed);
  const auto five = voters({"a", "b", "c", "d", "e"});
  const std::map<server_id, points> split{{"b", at({{10, 7}})}, {"c", at({{10, 6}})}, {"d", at({{10, 6}})}};
  CHECK(compare(five, "a", at({{10, 7}}), split).found == agreement::disputed);
  auto more = split;
  more["e"] = at({{10, 6}});
  CHECK(compare(five, "a", at({{10, 7}}), more).found == agreement::differs);
}

TEST_CASE("only what voters of the configuration say counts, and a learner is judged like a voter") {
  auto m = three;
  m.learners = {"l", "k"};
  const std::map<server_id, points> said{{"l", at({{10, 6}})}, {"k", at({{10, 6}})}, {"x", at({{10, 6}})}, {"b", at({{10, 7}})}};
  CHECK(compare(m, "a", at({{10, 7}}), said).found == agreement::agrees);
  CHECK(compare(m, "l", at({{10, 6}}), {{"a", at({{10, 7}})}, {"b", at({{10, 7}})}}).found == agreement::differs);
  // It does not count itself: one voter's word is no majority of three.
  CHECK(compare(m, "l", at({{10, 7}}), {{"a", at({{10, 7}})}}).found == agreement::unknown);
  CHECK(compare(three, "a", at({{10, 6}}), {{"a", at({{10, 7}})}, {"b", at({{10, 6}})}}).found == agreement::agrees);
}

TEST_CASE("points that nobody else has say nothing, older ones are looked at then") {
  CHECK(compare(three, "a", at({{10, 7}}), {{"b", at({{11, 7}})}, {"c", at({{9, 7}})}}).found == agreement::unknown);
  CHECK(compare(three, "a", at({{12, 8}, {10, 7}}), {{"b", at({{11, 7}, {10, 7}})}}).found == agreement::agrees);
  CHECK(compare(three, "a", at({{10, 7}, {12, 8}}), {{"b", at({{10, 6}})}, {"c", at({{10, 6}})}}).found == agreement::differs);
  CHECK(compare(three, "a", {}, {{"b", at({{10, 6}})}}).found == agreement::unknown);
}

TEST_CASE("the newest point counts: a dispute is not settled by what was equal before") {
  const std::map<server_id, points> said{{"b", at({{12, 9}, {10, 7}})}, {"c", at({{10, 7}})}};
  const auto judged = compare(three, "a", at({{10, 7}, {12, 8}}), said);
  CHECK(judged.found == agreement::disputed);
  CHECK(judged.at == raft_index{12});
  // What differed in the past and is equal now was written over.
  CHECK(compare(three, "a", at({{10, 6}, {12, 8}}), {{"b", at({{10, 7}, {12, 8}})}, {"c", at({{10, 7}})}}).found == agreement::agrees);
}

TEST_CASE("it is asked once at the start, then when something was written, and when a server comes back") {
  comparison_plan p{comparison_plan::options{}};
  CHECK(!p.due(0, raft_index{0}));
  REQUIRE(p.due(0, raft_index{5}));
  p.begin(0, raft_index{5});
  p.ended(true);
  CHECK(!p.due(100'000, raft_index{5}));
  CHECK(!p.due(9'999, raft_index{6}));
  CHECK(p.due(10'000, raft_index{6}));
  CHECK(p.due(1'000, raft_index{8192}));
  p.met();
  CHECK(!p.due(999, raft_index{5}));
  CHECK(p.due(1'000, raft_index{5}));
  p.begin(1'000, raft_index{5});
  p.ended(false); // somebody did not say: again, but not at once
  CHECK(!p.due(10'999, raft_index{5}));
  CHECK(p.due(11'000, raft_index{5}));
}
