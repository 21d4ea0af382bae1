// What pools know or are told: datacenters, where nodes are, user events, the keys with which gossip is encrypted.
#include "actors/coordinate/coordinate_actor.hpp"
#include "actors/coordinate/datacenter_maps.hpp"
#include "actors/messages/pool_messages.hpp"
#include "api/dispatch/questions.hpp"
#include "runtime/base/json_codec.hpp"
#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>

namespace actord::dispatch {
namespace {

using endpoints::access;
using endpoints::authorizer;
using endpoints::resource;

std::shared_ptr<const pool_view> wan_of(const site& here) {
  return here.cluster.wan_members ? here.cluster.wan_members->look() : std::make_shared<const pool_view>();
}

void ask_datacenters(const site& here, rpc::options_request&, then_fn<string_slice> then) {
  string_slice out;
  for (auto& name : coordinate::nearest_datacenters(*wan_of(here), here.config.datacenter)) out.push_back(name);
  then(std::move(out));
}
bool may_list_datacenters(const authorizer&, const rpc::options_request&) { return true; } // whoever may ask anything knows where

void ask_maps(const site& here, rpc::nothing&, then_fn<list_of<rpc::datacenter_coordinates>> then) {
  list_of<rpc::datacenter_coordinates> out;
  out.set = true;
  for (auto& [datacenter, rows] : coordinate::by_datacenter(*wan_of(here))) out.push_back({datacenter, "wan", rows});
  then(std::move(out));
}
bool may_list_maps(const authorizer&, const rpc::nothing&) { return true; }

void update(const site& here, rpc::coordinate_update_request& q, then_fn<rpc::nothing> then) {
  auto actor = caf::actor_cast<coordinate_handle>(here.self->system().registry().get<caf::strong_actor_ptr>(coordinate_registry_name));
  if (!actor) return then(rpc::nothing{});
  here.self->request(actor, caf::infinite, coordinate_heard{{q.node, q.segment, q.coord}})
      .then(
          [then](const agent_done& d) {
            if (d.failure.code != errc::none) then(d.failure);
            else then(rpc::nothing{});
          },
          [then](const caf::error&) { then(error(errc::internal, "agent is stopping")); });
}
bool may_update(const authorizer& who, const rpc::coordinate_update_request& q) { return who.allows(access::write, resource::node, q.node); }

const error no_pool{errc::internal, "this server has no LAN pool: serf_lan is off"};

// Spread in the LAN pool of the server that was asked.
void fire(const site& here, rpc::event_fire_request& r, then_fn<rpc::meta_reply> then) {
  if (!here.cluster.lan) return then(no_pool);
  // The name goes behind a prefix, so that an application's events are told from Consul's own.
  here.self->request(here.cluster.lan, caf::infinite, pool_fire{"consul:event:" + r.name, std::move(r.payload), false})
      .then(
          [then, status = &here.status](const agent_done& d) {
            if (d.failure.code != errc::none)
              return then(error(errc::internal, "1 error occurred:\n\t* error broadcasting event to segment \"\": " + d.failure.text + "\n\n"));
            rpc::meta_reply reply;
            reply.meta.known_leader = status->known_leader.load();
            then(std::move(reply));
          },
          [then](const caf::error&) { then(error(errc::internal, "this server is stopping")); });
}
bool may_fire(const authorizer& who, const rpc::event_fire_request& r) { return who.allows(access::write, resource::event, r.name); }

// ---- keys --------------------------------------------------------------------------------------------------------

struct gathering {
  rpc::keyring_reply reply;
  size_t missing = 0;
};

rpc::keyring_response shape(const std::string& datacenter, bool wan) {
  rpc::keyring_response out;
  out.wan = wan;
  out.datacenter = datacenter;
  out.messages.set = out.keys.set = out.primary_keys.set = true;
  return out;
}

void fill(rpc::keyring_response& out, const members::key_outcome& o) {
  for (auto& [node, text] : o.messages) out.messages.emplace(node, text);
  for (auto& [key, n] : o.keys) out.keys.emplace(key, static_cast<int64_t>(n));
  for (auto& [key, n] : o.primaries) out.primary_keys.emplace(key, static_cast<int64_t>(n));
  // Consul counts the primary key of every answer, of those as well that name none.
  auto unnamed = static_cast<int64_t>(o.answers);
  for (auto& [key, n] : out.primary_keys) unnamed -= n;
  if (unnamed > 0) out.primary_keys.emplace("", unnamed);
  out.nodes = static_cast<int64_t>(o.nodes);
  out.error = o.error;
}

void ask_pool(const site& here, const std::shared_ptr<gathering>& g, bool wan, pool_keys keys, const then_fn<rpc::keyring_reply>& then) {
  const auto place = g->reply.responses.size();
  g->reply.responses.push_back(shape(here.config.datacenter, wan));
  ++g->missing;
  auto done = [g, then] {
    if (--g->missing == 0) then(std::move(g->reply));
  };
  here.self->request(wan ? here.cluster.wan : here.cluster.lan, caf::infinite, std::move(keys))
      .then(
          [g, place, done](pool_keys_done& d) {
            fill(g->reply.responses[place], d.outcome);
            done();
          },
          [g, place, done](const caf::error&) {
            g->reply.responses[place].error = "agent is stopping";
            done();
          });
}

void ask_keys(const site& here, rpc::keyring_request& r, then_fn<rpc::keyring_reply> then) {
  pool_keys keys;
  keys.relay_factor = r.relay_factor;
  if (r.operation == "list") keys.what = members::key_operation::list;
  else if (r.operation == "install") keys.what = members::key_operation::install;
  else if (r.operation == "use") keys.what = members::key_operation::use;
  else if (r.operation == "remove") keys.what = members::key_operation::remove;
  else return then(error(errc::internal, "Invalid keyring operation: \"" + r.operation + "\" is none of list, install, use, remove"));
  if (r.local_only && r.operation != "list") return then(error(errc::internal, "argument error: LocalOnly can only be used for List operations"));
  if (!here.cluster.lan) return then(no_pool);
  auto g = std::make_shared<gathering>();
  const bool wan = here.cluster.wan && !r.local_only && !r.forwarded;
  if (!decode_base64(r.key, keys.key)) {
    for (bool in_wan : {true, false}) {
      if (in_wan && !wan) continue;
      g->reply.responses.push_back(shape(here.config.datacenter, in_wan));
      g->reply.responses.back().error = "illegal base64 data at input byte 0";
    }
    return then(std::move(g->reply));
  }
  if (wan) ask_pool(here, g, true, keys, then);
  ask_pool(here, g, false, std::move(keys), then);
}
bool may_use_keys(const authorizer& who, const rpc::keyring_request& r) {
  return who.allows(r.operation == "list" ? access::read : access::write, resource::keyring, {});
}

} // namespace

constinit const actor_endpoint<rpc::options_request, string_slice> list_datacenters{
    .name = "Catalog.ListDatacenters", .may = may_list_datacenters, .ask = ask_datacenters};
constinit const actor_endpoint<rpc::nothing, list_of<rpc::datacenter_coordinates>> list_datacenter_coordinates{
    .name = "Coordinate.ListDatacenters", .may = may_list_maps, .ask = ask_maps};
constinit const actor_endpoint<rpc::coordinate_update_request, rpc::nothing> update_coordinate{
    .name = "Coordinate.Update", .may = may_update, .ask = update, .changes = true};
constinit const actor_endpoint<rpc::event_fire_request, rpc::meta_reply> fire_event{
    .name = "Internal.EventFire", .may = may_fire, .ask = fire, .changes = true};
constinit const actor_endpoint<rpc::keyring_request, rpc::keyring_reply> keyring{
    .name = "Internal.KeyringOperation", .may = may_use_keys, .ask = ask_keys, .datacenter = names::any, .changes = true};

} // namespace actord::dispatch
