#include "actors/agent/core/anti_entropy.hpp"
#include "actors/agent/core/pending_answers.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::agent;
using namespace std::chrono_literals;

namespace {

std::vector<uint64_t> tickets(pending_answers& p) {
  std::vector<uint64_t> out;
  for (auto& a : p.drain()) {
    CHECK(a.failure.code == errc::none);
    out.push_back(a.ticket);
  }
  return out;
}

using list = std::vector<uint64_t>;
constexpr nanos start = 1h;

} // namespace

TEST_CASE("an answer waits for the journal and for all that the catalog has to show, whichever comes last") {
  for (const bool journal_first : {false, true}) {
    CAPTURE(journal_first);
    pending_answers p;
    const auto t = p.add({{false, "web", 1}, {true, "service:web", 2}}, true, start);
    if (journal_first) p.journal_synced({});
    CHECK(tickets(p).empty());
    p.catalog_has({{false, "web", 2}});
    CHECK(tickets(p).empty());
    p.catalog_has({{false, "service:web", 2}, {true, "web", 2}}); // others of the same names
    CHECK(tickets(p).empty());
    p.catalog_has({{true, "service:web", 2}});
    if (!journal_first) {
      CHECK(tickets(p).empty());
      p.journal_synced({});
    }
    CHECK(tickets(p) == list{t});
    CHECK_FALSE(p.wait_for_journal());
    CHECK_FALSE(p.wait_for_catalog());
    CHECK(p.next_deadline() == nanos::max());
  }
}

TEST_CASE("what changes nothing, or only what nobody has to be told, is answered at once") {
  pending_answers p;
  const auto t = p.add({}, false, start);
  CHECK(tickets(p) == list{t});
  const auto kept = p.add({}, true, start);
  CHECK(tickets(p).empty());
  p.journal_synced({});
  CHECK(tickets(p) == list{kept});
}

TEST_CASE("an older version in the catalog is no answer, a later one is") {
  pending_answers p;
  const auto first = p.add({{false, "web", 1}}, false, start), second = p.add({{false, "web", 5}}, false, start);
  p.catalog_has({{false, "web", 4}});
  CHECK(tickets(p) == list{first});
  const auto third = p.add({{false, "web", 6}}, false, start);
  p.catalog_has({{false, "web", 9}});
  CHECK(tickets(p) == list{second, third});
}

TEST_CASE("with servers that are slow the answer goes out after 200 ms, not before, and never without the journal") {
  pending_answers p;
  const auto kept = p.add({{false, "a", 1}}, true, start), not_kept = p.add({{false, "b", 2}}, true, start + 1ms);
  p.journal_synced({});
  CHECK(p.next_deadline() == start + 200ms);
  p.tick(start + 200ms - 1ns);
  CHECK(tickets(p).empty());
  p.tick(start + 200ms);
  CHECK(tickets(p) == list{kept});
  CHECK(p.next_deadline() == start + 201ms);
  const auto unsynced = p.add({{false, "c", 3}}, true, start + 10ms);
  p.tick(start + 1s);
  CHECK(tickets(p) == list{not_kept});
  CHECK(p.next_deadline() == nanos::max());
  p.journal_synced({});
  CHECK(tickets(p) == list{unsynced});
}

TEST_CASE("a change that is told twice is waited for once") {
  pending_answers p;
  const auto t = p.add({{true, "ttl", 4}, {true, "ttl", 4}}, false, start);
  p.tick(start + 1s);
  CHECK(tickets(p) == list{t});
  p.catalog_has({{true, "ttl", 4}});
  CHECK(tickets(p).empty());
  CHECK(p.next_deadline() == nanos::max());
}

TEST_CASE("what could not be kept is told at once, to everybody who waited for that") {
  pending_answers p;
  const auto shown = p.add({{false, "a", 1}}, true, start);
  p.catalog_has({{false, "a", 1}});
  const auto not_shown = p.add({{false, "b", 2}}, true, start), other = p.add({{false, "c", 3}}, false, start);
  p.journal_synced({errc::storage_full, "full"});
  const auto out = p.drain();
  REQUIRE(out.size() == 2);
  CHECK((out[0].ticket == shown && out[0].failure.code == errc::storage_full));
  CHECK((out[1].ticket == not_shown && out[1].failure.text == "full"));
  p.catalog_has({{false, "b", 2}, {false, "c", 3}});
  CHECK(tickets(p) == list{other});
}

TEST_CASE("nobody waits for servers that have been away for 200 ms already, until they are back") {
  pending_answers p;
  p.servers_there(false, start);
  const auto first = p.add({{false, "a", 1}}, false, start + 100ms);
  CHECK(tickets(p).empty());
  p.tick(start + 299ms);
  CHECK(tickets(p).empty());
  p.servers_there(false, start + 299ms);
  const auto late = p.add({{false, "b", 2}}, false, start + 299ms);
  CHECK(tickets(p) == list{late});
  p.servers_there(true, start + 299ms);
  const auto back = p.add({{false, "c", 3}}, false, start + 299ms);
  CHECK(tickets(p).empty());
  p.catalog_has({{false, "a", 3}, {false, "c", 3}});
  CHECK(tickets(p) == list{first, back});
}

namespace {

// Registers, removes and compares at random; whatever is answered in time has to stand in the catalog in that version or a later one.
struct careful_client {
  local_state state;
  anti_entropy sync;
  pending_answers answers;
  prng random;
  nanos now = start;
  std::map<std::string, int64_t> catalog;                          // service → port, which counts the operations
  std::vector<catalog_command> under_way;
  std::map<uint64_t, std::pair<std::string, int64_t>> asked;       // ticket → service and operation
  std::map<std::string, int64_t> removed_at;
  int64_t operations = 0;
  size_t answered = 0, in_time = 0;

  static node_identity identity() {
    node_identity i;
    i.id = "11111111-2222-3333-4444-555555555555";
    i.name = "n1";
    return i;
  }
  static anti_entropy_options options() {
    anti_entropy_options o;
    o.batch_commands = 3;
    return o;
  }
  explicit careful_client(uint64_t seed) : state({}, prng(seed)), sync(identity(), options(), prng(seed + 1)), random(seed + 2) {}

  void ask() {
    const std::string id = "s" + std::to_string(random.below(4));
    ++operations;
    if (random.below(3) == 0) {
      REQUIRE(state.remove_service(id).code == errc::none);
      removed_at[id] = operations;
    } else {
      service_definition d;
      d.name = id;
      d.port = operations;
      REQUIRE(state.add_service(d, source::api, "", false, now).code == errc::none);
    }
    asked[answers.add(std::exchange(state.untold, {}), false, now)] = {id, operations};
    look();
  }
  void send() {
    if (!under_way.empty() || !sync.may_send(now)) return;
    if (random.below(10) == 0) {
      catalog_picture remote;
      remote.node.emplace();
      remote.node->id = identity().id;
      for (auto& [id, port] : catalog) {
        node_service s;
        s.id = s.service = id;
        s.port = port;
        s.weights = service_weights{};
        remote.services.push_back(std::move(s));
      }
      sync.compare(state, remote, now);
      state.untold.clear();
      answers.compared(state);
      look();
    }
    under_way = sync.take_batch(state);
  }
  void receive() {
    if (under_way.empty()) return;
    const catalog_command c = std::move(under_way.front());
    under_way.erase(under_way.begin());
    const bool fails = random.below(5) == 0;
    if (!fails && c.add && c.add->service) catalog[c.add->service->id] = c.add->service->port;
    if (!fails && c.remove) catalog.erase(c.remove->service_id);
    sync.finished(state, c.number, !fails, now);
    answers.catalog_has(sync.drain_told());
    look();
  }
  void look() {
    for (auto& a : answers.drain()) {
      auto it = asked.find(a.ticket);
      REQUIRE(it != asked.end());
      const auto [id, operation] = it->second;
      ++answered;
      if (!late) {
        ++in_time;
        auto there = catalog.find(id);
        CAPTURE(id);
        if (there == catalog.end()) CHECK(removed_at[id] >= operation);
        else CHECK(there->second >= operation);
      }
      asked.erase(it);
    }
  }
  void pass(nanos time) {
    now += time;
    late = true;
    answers.tick(now);
    look();
    late = false;
  }
  bool late = false;
};

} // namespace

TEST_CASE("after any registrations, removals, failures and comparisons an answer in time means that the catalog shows it") {
  size_t answered = 0, in_time = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    careful_client c(seed);
    for (int i = 0; i < 300; ++i) {
      switch (c.random.below(4)) {
        case 0: c.ask(); break;
        case 1: c.send(); break;
        case 2: c.receive(); break;
        default: c.pass(nanos(static_cast<int64_t>(c.random.below(40'000'000)))); break;
      }
    }
    c.pass(200ms);
    CHECK(c.asked.empty());
    CHECK_FALSE(c.answers.wait_for_catalog());
    answered += c.answered;
    in_time += c.in_time;
  }
  CHECK(in_time > answered / 2);
}

TEST_CASE("a registration of very many checks is answered in no time, in whatever order the catalog shows them") {
  pending_answers p;
  std::vector<catalog_change> all;
  for (uint64_t n = 0; n < 200000; ++n) all.push_back({true, std::to_string(n), n + 1});
  const auto t = p.add(all, false, start);
  // Were each looked for among the missing, these would be ten billion steps and more.
  const std::vector<catalog_change> last(all.begin(), all.begin() + 1);
  p.catalog_has({all.rbegin(), all.rend() - 1});
  CHECK(tickets(p).empty());
  p.catalog_has(last);
  CHECK(tickets(p) == list{t});
  CHECK_FALSE(p.wait_for_catalog());
}
