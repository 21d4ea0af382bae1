#include "actors/autopilot/autopilot_actor.hpp"
#include "actors/autopilot/core/autopilot_core.hpp"
#include "actors/messages/messages.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/store.hpp"
#include <algorithm>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>

namespace actord {

autopilot_config autopilot_defaults(const node_config& c) {
  autopilot_config out;
  out.cleanup_dead_servers = c.autopilot_cleanup_dead_servers;
  out.last_contact_threshold = c.autopilot_last_contact_threshold;
  out.max_trailing_logs = static_cast<uint64_t>(std::max(c.autopilot_max_trailing_logs, 0));
  out.min_quorum = static_cast<uint64_t>(std::max(c.autopilot_min_quorum, 0));
  out.server_stabilization_time = c.autopilot_server_stabilization_time;
  out.redundancy_zone_tag = c.autopilot_redundancy_zone_tag;
  out.disable_upgrade_migration = c.autopilot_disable_upgrade_migration;
  out.upgrade_version_tag = c.autopilot_upgrade_version_tag;
  return out;
}

namespace {

constexpr std::string_view subsystem = "agent.server.autopilot";
constexpr auto least_interval = std::chrono::milliseconds(100); // -dev asks for 10 ms, which nobody notices but the processor

int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

autopilot::core_options options_of(const node_config& c) {
  autopilot::core_options o;
  // Raft's heartbeats come at least this often (boot derives its tick from the same setting).
  o.heartbeat_ms = std::max<int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(c.raft_heartbeat_timeout / 50).count(), 10);
  return o;
}

struct autopilot_state {
  static inline const char* name = "autopilot";
  using pointer = autopilot_handle::stateful_pointer<autopilot_state>;

  autopilot_state(pointer p) : self(p) {}
  pointer self;
  router_handle router;
  std::unique_ptr<reader> views;
  std::shared_ptr<node_status> status;
  std::shared_ptr<autopilot_board> board;
  std::unique_ptr<autopilot::autopilot_core> core;
  autopilot_config defaults;
  std::string datacenter;
  std::chrono::milliseconds interval{2000};
  bool asking = false, initialising = false;

  void tick() {
    // Until a leader is known it is looked for more often: whoever asks right after the start should get an answer.
    self->delayed_send(self, core->view().known ? interval : std::min(interval, least_interval), autopilot_ticked{});
    if (asking) return;
    asking = true;
    self->request(router, caf::infinite, leader_query{true})
        .then([this](const leader_info& info) { look(info); }, [this](const caf::error&) { lost(); });
  }

  int64_t steady_ms() const { return std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now().time_since_epoch()).count(); }

  void lost() {
    asking = false;
    core->unknown();
    board->put(core->view());
  }

  void look(const leader_info& info) {
    asking = false;
    std::vector<autopilot::server_fact> facts;
    for (auto& s : info.servers) {
      autopilot::server_fact f{s.id, s.name, s.address, s.leader, s.voter, s.non_voter, s.last_contact_ms, s.last_term, s.last_index};
      // A follower that does not reach the leader tells what it knows, which says nothing of anybody's health.
      if (f.leader && f.last_contact_ms < 0) return lost();
      facts.push_back(std::move(f));
    }
    const bool leading = status->leader.load();
    query_meta ignored;
    auto view = views->open();
    auto config = view.autopilot(ignored);
    if (view.failed()) return log::warn(subsystem, "cannot read the configuration, will try again: error=\"{}\"", view.failure().text);
    if (!config && leading) initialise();
    core->observe(steady_ms(), unix_seconds(), config ? *config : defaults, facts, leading);
    board->put(core->view());
    if (leading) {
      static auto &healthy = telemetry::gauge("autopilot.healthy"), &tolerance = telemetry::gauge("autopilot.failure_tolerance");
      healthy.set(core->view().healthy ? 1 : 0);
      tolerance.set(static_cast<double>(core->view().failure_tolerance));
    }
    if (auto change = core->drain()) carry_out(*change);
  }

  void carry_out(const autopilot::change& c) {
    membership_change m;
    m.what = c.what == autopilot::action::promote ? membership_change::kind::add_voter : membership_change::kind::remove;
    m.id = c.id;
    m.address = c.address;
    log::info(subsystem, "{} server: id={} address={} reason=\"{}\"", c.what == autopilot::action::promote ? "Promoting" : "Removing", c.id, c.address, c.why);
    self->request(router, caf::infinite, m)
        .then([this](const apply_outcome& o) { changed(o.result.failure); },
              [this](const caf::error&) { changed({errc::internal, "the server is stopping"}); });
  }

  void changed(const error& failure) {
    const bool done = failure.code == errc::none;
    if (!done) log::warn(subsystem, "could not change the servers, will try again: error=\"{}\"", failure.text);
    core->changed(steady_ms(), done);
  }

  // The first leader writes down its own settings; from then on they are the cluster's.
  void initialise() {
    if (initialising) return;
    initialising = true;
    autopilot_request r;
    r.datacenter = datacenter;
    r.config = defaults;
    r.cas = true; // whoever was quicker wins
    self->request(router, caf::infinite, propose_one{encode_command(command_kind::autopilot_set, r)})
        .then([this](const apply_outcome& o) {
          initialising = false;
          if (o.result.failure.code != errc::none) log::warn(subsystem, "failed to initialize config: error=\"{}\"", o.result.failure.text);
        }, [this](const caf::error&) { initialising = false; });
  }
};

autopilot_handle::behavior_type autopilot_behavior(autopilot_state::pointer self, const node_config& config, router_handle router,
                                                   state_store* store, std::shared_ptr<node_status> status, std::shared_ptr<autopilot_board> board) {
  auto* s = &self->state;
  s->router = std::move(router);
  s->views = std::make_unique<reader>(*store);
  s->status = std::move(status);
  s->board = std::move(board);
  s->core = std::make_unique<autopilot::autopilot_core>(options_of(config));
  s->defaults = autopilot_defaults(config);
  s->datacenter = config.datacenter;
  s->interval = std::max<std::chrono::milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(config.server_health_interval), least_interval);
  self->send(self, autopilot_ticked{});
  return {[s](autopilot_ticked) { s->tick(); }};
}

} // namespace

autopilot_handle spawn_autopilot(caf::actor_system& system, const node_config& config, router_handle router, state_store& store,
                                 std::shared_ptr<node_status> status, std::shared_ptr<autopilot_board> board) {
  return system.spawn(autopilot_behavior, config, std::move(router), &store, std::move(status), std::move(board));
}

} // namespace actord
