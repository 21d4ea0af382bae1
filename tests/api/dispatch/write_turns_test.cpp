#include "actors/messages/write_turns.hpp"
#include <doctest/doctest.h>
#include <deque>
#include <map>
#include <set>
#include <string>

using namespace actord;
using actord::write_turns;

namespace {

// Clients of a loop, and what is under way of theirs.
struct loop {
  write_turns turns;
  std::deque<std::pair<uint64_t, size_t>> sent; // number, bytes

  void put(uint64_t household, uint64_t id, size_t bytes) {
    if (turns.begin(bytes, [&] { return household; })) sent.emplace_back(id, bytes);
    else turns.wait(household, id, std::string(bytes, 'x'));
  }
  void one_ends() {
    turns.ended(sent.front().second);
    sent.pop_front();
    while (auto p = turns.next()) sent.emplace_back(p->id, p->command.size());
  }
  size_t before(uint64_t id) const { // bytes
    size_t out = 0;
    for (auto& [other, bytes] : sent) {
      if (other == id) return out;
      out += bytes;
    }
    return SIZE_MAX;
  }
};

} // namespace

TEST_CASE("short writes go at once, and where nothing else is under way nobody asks whose they are") {
  write_turns w;
  int asked = 0;
  for (int n = 0; n < 1000; ++n) CHECK(w.begin(100, [&] { return ++asked, uint64_t{0}; }));
  CHECK(asked == 0);
  CHECK(w.waiting() == 0);
}

TEST_CASE("beside many large writes of one household a short one of another goes at once, behind no more than may be under way") {
  loop l;
  for (uint64_t id = 1; id <= 40; ++id) l.put(1, id, 500'000);
  CHECK(l.sent.size() == 3);
  CHECK(l.turns.waiting() == 37);
  l.put(2, 100, 10);
  CHECK(l.before(100) < write_turns::most + 500'000);
  l.put(1, 101, 10); // not that of the first: its turn is not yet
  CHECK(l.before(101) == SIZE_MAX);
  l.one_ends();
  CHECK(l.before(101) != SIZE_MAX); // but within a household what is short goes first
}

TEST_CASE("households take turns with large writes") {
  loop l;
  for (uint64_t id = 1; id <= 40; ++id) l.put(1, id, 500'000);
  l.put(2, 100, 500'000);
  CHECK(l.before(100) == SIZE_MAX);
  l.one_ends();
  l.one_ends();
  CHECK(l.before(100) != SIZE_MAX);
}

TEST_CASE("one household's short writes fill what is kept for them, and others then have their turn") {
  loop l;
  for (uint64_t id = 1; id <= 4; ++id) l.put(1, id, 500'000); // one of them waits
  uint64_t id = 1000;
  while (l.turns.under_way() < write_turns::most + write_turns::reserve) l.put(2, ++id, 10'000);
  for (int n = 0; n < 50; ++n) l.put(2, ++id, 10'000);
  l.put(3, 1, 10);
  CHECK(l.turns.waiting() == 52);
  size_t ended = 0;
  while (l.before(1) == SIZE_MAX || l.sent.front().first == 1) l.one_ends(), ++ended;
  CHECK(ended < 120);
}

TEST_CASE("a write that is larger than all that may be under way goes alone") {
  loop l;
  l.put(1, 1, 5'000'000);
  l.put(1, 2, 20'000);
  CHECK(l.sent.size() == 1);
  l.one_ends();
  CHECK(l.sent.front().first == 2);
}

TEST_CASE("what is dropped is not written; nothing is lost or written twice, and the room comes back") {
  loop l;
  for (uint64_t id = 1; id <= 100; ++id) l.put(id % 7, id, 400'000 + id);
  l.turns.drop_if([](uint64_t id) { return id % 10 == 0; });
  const bool dropped = l.turns.drop(55);
  CHECK(dropped);
  CHECK_FALSE(l.turns.drop(1)); // under way
  std::set<uint64_t> gone;
  while (!l.sent.empty()) {
    CHECK(gone.insert(l.sent.front().first).second);
    l.one_ends();
  }
  CHECK(gone.size() == 89);
  CHECK(l.turns.under_way() == 0);
  CHECK(l.turns.waiting() == 0);
}
