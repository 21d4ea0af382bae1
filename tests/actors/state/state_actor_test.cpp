// The actor between a neighbour that takes for Raft and for who proposed, and a real store.
#include "actors/state/state_actor.hpp"
#include "actors/state/watch_actor.hpp"
#include "storage/command/commands.hpp"
#include "storage/command/row.hpp"
#include "tests/support/state_cast.hpp"
#include <caf/event_based_actor.hpp>
#include <map>

using namespace actord;

namespace {

struct applying : test::state_cast {
  std::vector<uint64_t> applied; // as Raft is told
  std::map<uint64_t, error> told; // proposers, by the proposal
  caf::actor neighbour;
  state_handle actor;
  uint64_t next = 1;

  applying() {
    neighbour = system->spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const entries_applied& a) { applied.push_back(a.upto.v); },
              [this](const proposals_done& d) {
                for (auto& o : d.outcomes) told[o.id] = o.result.failure;
              }};
    });
    watch = spawn_watch_actor(*system, status);
    actor = spawn_state_actor(*system, *store, caf::actor_cast<raft_handle>(neighbour), watch, status);
  }
  ~applying() {
    end(actor);
    end(neighbour);
    end(watch);
  }
  void commit(std::vector<std::string> commands) {
    entries_committed m;
    for (auto& c : commands) {
      m.entries.push_back({raft_index{next}, std::make_shared<const std::string>(std::move(c)), next, caf::actor_cast<caf::strong_actor_ptr>(neighbour)});
      ++next;
    }
    caf::anon_send(actor, std::move(m));
    jobs->run();
  }
  bool has(std::string_view key) {
    reader r(*store);
    kv_entry e;
    query_meta m;
    return r.open().kv_get(key, e, m);
  }
};

std::string set(std::string_view key) { return encode_kv_command(kv_set, key, "v"); }
const std::string of_tomorrow("\x63\x80", 2);

} // namespace

TEST_CASE_FIXTURE(applying, "nothing is applied from the first command on that is of a newer version, and who waits is told so") {
  commit({set("a"), set("b"), of_tomorrow, set("c")});
  CHECK(applied == std::vector<uint64_t>{2});
  CHECK(has("b"));
  CHECK_FALSE(has("c"));
  CHECK(store->applied_index().v == 2);
  CHECK(told[2].code == errc::none);
  for (uint64_t n : {3, 4}) {
    CHECK(told[n].code == errc::unknown_outcome);
    CHECK(told[n].text.find("entry 3 holds command 99, which is of a newer version: this one reads level " + std::to_string(highest_command_level())) == 0);
  }
  commit({set("d")});
  CHECK(store->applied_index().v == 2);
  CHECK(told[5].code == errc::unknown_outcome);
}

TEST_CASE_FIXTURE(applying, "a command that may be left out is refused, and what follows is applied") {
  commit({std::string("\xfa\x80", 2), set("a")});
  CHECK(told[1].text == "unknown command 250");
  CHECK(has("a"));
  CHECK(applied == std::vector<uint64_t>{2});
}

TEST_CASE_FIXTURE(applying, "a server that stopped goes on behind another one's state") {
  commit({set("a"), of_tomorrow});
  REQUIRE(store->applied_index().v == 1);
  test::state_cast other;
  other.next_index = 7;
  other.apply(set("z"));
  REQUIRE(other.store->write_snapshot().ok());
  const auto file = dir + "/arrived";
  std::filesystem::copy_file(other.store->snapshot_path(), file);
  caf::anon_send(actor, state_install{file, raft_index{7}});
  jobs->run();
  CHECK(applied == std::vector<uint64_t>{1, 7});
  next = 8;
  commit({set("b")});
  CHECK(has("z"));
  CHECK(has("b"));
  CHECK(told[8].code == errc::none);
}
