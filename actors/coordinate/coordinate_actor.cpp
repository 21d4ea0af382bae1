#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/coordinate/core/record.hpp"
#include "actors/coordinate/core/update_batch.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "runtime/base/prng.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/rpc_requests.hpp"
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <charconv>

namespace actord {

namespace {

constexpr std::string_view subsystem = "agent.coordinate";

int number_tag(const members::member& m, const char* name) {
  auto at = m.tags.find(name);
  int out = 0;
  if (at != m.tags.end()) std::from_chars(at->second.data(), at->second.data() + at->second.size(), out);
  return out;
}

// Servers older than version 3 of Consul's protocol do not know the call.
bool servers_understand(const pool_view& view, const std::string& datacenter) {
  bool any = false;
  for (auto& m : view.members) {
    auto role = m.tags.find("role"), dc = m.tags.find("dc");
    if (role == m.tags.end() || role->second != "consul" || dc == m.tags.end() || dc->second != datacenter) continue;
    if (m.status != members::member_status::alive) continue;
    if (number_tag(m, "vsn_min") > 3 || number_tag(m, "vsn_max") < 3) return false;
    any = true;
  }
  return any;
}

struct coordinate_state {
  static inline const char* name = "coordinate";
  using pointer = coordinate_handle::stateful_pointer<coordinate_state>;

  coordinate_state(pointer p) : self(p) {}
  pointer self;
  coordinate_deps deps;
  node_config config;
  coordinate::update_batch heard;
  prng random{1};
  bool flushing = false;

  void tick() {
    const auto view = deps.lan ? deps.lan->look() : std::make_shared<const pool_view>();
    const auto interval = coordinate::update_interval(view->members.size(), config.sync_coordinate_rate_target, config.sync_coordinate_interval_min);
    self->delayed_send(self, interval + nanos(static_cast<int64_t>(random.below(static_cast<uint64_t>(interval.count()) + 1))), coordinate_ticked{});
    if (!servers_understand(*view, config.datacenter)) return;
    coordinate_record own{config.node_name, "", coordinate::to_record(view->where)};
    if (deps.router) (void)hear(own);
    else if (deps.rpc) tell(own, [](const error& e) { if (e.code != errc::none) log::err(subsystem, "Coordinate update error: error=\"{}\"", e.text); });
  }

  template <class F> void tell(const coordinate_record& where, F done) {
    rpc::coordinate_update_request r{config.datacenter, where.node, where.segment, where.coord, ""};
    self->request(deps.rpc, caf::infinite, rpc_call{"Coordinate.Update", to_msgpack(r), nanos(0), false})
        .then([done](const rpc_answer& a) mutable { done(a.failure); }, [done](const caf::error&) mutable { done(error{errc::internal, "agent is stopping"}); });
  }

  // Somebody's place: on a client agent it goes to a server at once.
  caf::result<agent_done> heard_of(const coordinate_record& where) {
    if (deps.router || !deps.rpc) return hear(where);
    auto promise = self->make_response_promise<agent_done>();
    tell(where, [promise](const error& e) mutable { promise.deliver(agent_done{e}); });
    return promise;
  }

  agent_done hear(const coordinate_record& where) {
    if (auto s = heard.hear(where); !s) return {s.err()};
    if (!flushing && heard.size() > 0) {
      flushing = true;
      self->delayed_send(self, config.coordinate_update_period, coordinate_flushed{});
    }
    return {};
  }

  void flush() {
    flushing = false;
    size_t dropped = 0;
    proposals p;
    for (auto& batch : heard.take(dropped)) p.batch.push_back({0, encode_command(command_kind::coordinate_batch_update, list_of<coordinate_record>(std::move(batch)))});
    if (dropped > 0) log::warn(subsystem, "Discarded coordinate updates: number_discarded={}", dropped);
    if (!p.batch.empty() && deps.router) caf::anon_send(deps.router, std::move(p)); // nobody is told: the next update is on its way
  }
};

coordinate_handle::behavior_type coordinate_behavior(coordinate_state::pointer self, const node_config& config, coordinate_deps deps) {
  auto* s = &self->state;
  s->deps = std::move(deps);
  s->config = config;
  s->random = prng(s->deps.seed);
  if (!config.disable_coordinates) self->send(self, coordinate_ticked{});
  return {
      [s](coordinate_ticked) { s->tick(); },
      [s](coordinate_flushed) { s->flush(); },
      [s](const coordinate_heard& h) { return s->heard_of(h.where); },
  };
}

} // namespace

coordinate_handle spawn_coordinate_actor(caf::actor_system& system, const node_config& config, coordinate_deps deps) {
  return system.spawn(coordinate_behavior, config, std::move(deps));
}

} // namespace actord
