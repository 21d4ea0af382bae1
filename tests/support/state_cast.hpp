// A small world for actors that work on the state: a store in a folder of its own, a router that applies what is proposed to
// it at once, and virtual time that only run() moves.
#pragma once
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
#include "actors/messages/leader_messages.hpp"
#include "actors/messages/messages.hpp"
#include "storage/state/lock_delays.hpp"
#include "storage/state/store_impl.hpp"
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <doctest/doctest.h>
#include <filesystem>

namespace actord::test {

struct state_cast {
  std::string dir;
  std::unique_ptr<state_store> store;
  std::shared_ptr<node_status> status = std::make_shared<node_status>();
  uint64_t next_index = 10;
  std::vector<std::string> proposed;        // commands, in order
  std::vector<membership_change> changes;
  uint64_t led_term = 0;                    // of the last leader_proposals
  error refuse;                             // set: nothing is applied, all are told so
  watch_handle watch;                       // told of changes when set
  caf::actor_system_config cfg;
  std::unique_ptr<caf::actor_system> system;
  caf::scheduler::test_coordinator* jobs = nullptr;
  router_handle router;

  state_cast() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-XXXXXX").string();
    dir = ::mkdtemp(pattern.data());
    auto opened = state_store::open({.path = dir + "/state"});
    REQUIRE(opened.ok());
    store = std::move(*opened);
    cfg.set("scheduler.policy", caf::atom("testing"));
    system = std::make_unique<caf::actor_system>(cfg);
    jobs = dynamic_cast<caf::scheduler::test_coordinator*>(&system->scheduler());
    REQUIRE(jobs);
    router = caf::actor_cast<router_handle>(system->spawn(applying_router, this));
  }
  ~state_cast() {
    caf::anon_send_exit(router, caf::exit_reason::user_shutdown);
    router = nullptr;
    watch = nullptr;
    jobs->run();
    system.reset();
    store.reset();
    std::filesystem::remove_all(dir);
  }
  template <class Handle> void end(Handle& h) {
    caf::anon_send_exit(h, caf::exit_reason::user_shutdown);
    h = nullptr;
    jobs->run();
  }

  apply_result apply(const std::string& command) {
    std::vector<apply_result> results;
    log_command c{raft_index{next_index++}, command};
    store->internals().damaged = false; // a node would have started anew; a test writes on
    auto changed = store->apply({&c, 1}, results);
    REQUIRE(changed.ok());
    status->applied = c.index.v;
    store->delays().note(changed->released, changed->index.v, jobs->clock().now());
    if (watch) caf::anon_send(watch, state_changed{std::make_shared<const change_set>(std::move(*changed))});
    return results[0];
  }
  // Lets so much time pass, in small steps.
  void run(std::chrono::milliseconds time) {
    jobs->run();
    for (auto step = std::chrono::milliseconds(10); time.count() > 0; time -= step) {
      jobs->advance_time(step);
      jobs->run();
    }
  }

private:
  using inside = router_handle::extend<caf::reacts_to<leader_proposals>>;
  static inside::behavior_type applying_router(inside::pointer, state_cast* cast) {
    auto one = [cast](const std::string& command) {
      cast->proposed.push_back(command);
      apply_result r;
      r.failure = cast->refuse;
      return cast->refuse.code == errc::none ? cast->apply(command) : r;
    };
    auto all = [one](const proposals& p) {
      proposals_done done;
      for (auto& x : p.batch) done.outcomes.push_back({x.id, one(x.command)});
      if (p.reply_to) caf::anon_send(caf::actor_cast<caf::actor>(p.reply_to), std::move(done));
    };
    return {all,
            [all, cast](const leader_proposals& p) {
              cast->led_term = p.term;
              all(p.what);
            },
            [](const read_wanted&) {},
            [cast](const membership_change& c) {
              cast->changes.push_back(c);
              return apply_outcome{};
            },
            [](const leadership_transfer&) { return apply_outcome{}; },
            [one](const propose_one& p) { return apply_outcome{one(p.command)}; },
            [](const leader_query&) { return leader_info{}; }};
  }
};

} // namespace actord::test
