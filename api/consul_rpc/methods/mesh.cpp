// Configuration entries, intentions and federation states of a cluster in which there are none yet: reads say so as
// Consul does, what would change one that is not there is refused in its words, and what would make the first one is refused too.
#include "api/consul_rpc/methods.hpp"
#include "storage/model/config_entry.hpp"
#include "storage/model/rpc_mesh.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"
#include <algorithm>

namespace actord::consul_rpc {
namespace {

constexpr std::string_view no_mesh = "Connect must be enabled in order to use this endpoint";

void refuse(call& c) { c.fail(std::string(no_mesh)); }
// What Consul does whatever is turned on.
void no_entries(call& c) { c.fail("Configuration entries are not supported by this server"); }
void no_federation(call& c) { c.fail("Federation states are not supported by this server"); }

// ---- configuration entries -----------------------------------------------------------------------------------------

bool known_kind(call& c, const std::string& kind) {
  static constexpr std::string_view kinds[] = {"", "service-defaults", "proxy-defaults", "service-router", "service-splitter", "service-resolver", "ingress-gateway", "terminating-gateway"};
  if (std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds)) return true;
  c.fail("invalid config entry kind: " + kind);
  return false;
}

// An answer is a text that holds several values: the kind of the entry (none), then the meta.
void entry_get(call& c) {
  rpc::config_entry_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter) || !known_kind(c, r.kind)) return;
  c.read(r.options, [](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    std::string inside;
    msgpack_writer(inside).raw("");
    msgpack_encode(inside, at.reply);
    msgpack_writer(at.out).raw(inside);
    return {};
  });
}

// How many there are, of which kind, then a map of its own.
void entry_list(call& c) {
  rpc::config_entry_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter) || !known_kind(c, r.kind)) return;
  auto options = r.options;
  c.read(options, [kind = r.kind](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    rpc::config_entries_tail tail;
    tail.kind = kind;
    tail.entries.set = true;
    tail.meta = at.reply;
    std::string inside(1, '\0');
    msgpack_writer(inside).raw(kind);
    msgpack_encode(inside, tail);
    msgpack_writer(at.out).raw(inside);
    return {};
  });
}

// All of all kinds: how many there are, then the meta.
void entry_list_all(call& c) {
  rpc::datacenter_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  c.read(r.options, [](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    std::string inside(1, '\0');
    msgpack_encode(inside, at.reply);
    msgpack_writer(at.out).raw(inside);
    return {};
  });
}

// Agents ask for every proxy that they register. The answer is a text, too.
void resolve_service(call& c) {
  rpc::service_config_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  c.read(r.options, [](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    rpc::service_config_reply reply;
    reply.meta = at.reply;
    std::string inside;
    msgpack_encode(inside, reply);
    msgpack_writer(at.out).raw(inside);
    return {};
  });
}

// What is to be deleted is not there, as long as it is something that could be. The arguments are a text that holds them. Whatever
// datacenter they name, the primary one is meant.
void entry_delete(call& c) {
  msgpack_reader outer(c.arguments);
  const auto r = decode_config_entry(outer.raw());
  if (!r && r.err().code == errc::bad_request) return c.fail(r.err().text);
  if (!r || !outer.ok()) return c.malformed("msgpack decode error: the arguments of " + c.method + " do not decode");
  c.reply(rpc::nothing{});
}

// ---- intentions ----------------------------------------------------------------------------------------------------

void intention_get(call& c) {
  rpc::intention_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (r.intention_id.size() != 36) return c.fail("failed intention lookup: index error: UUID must be 36 characters");
  c.fail("Intention not found");
}

void intention_match(call& c) {
  rpc::intention_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (!r.match) return c.fail("the request has no Match: name the services to match");
  auto options = r.options;
  c.read(options, [asked = r.match->entries.size()](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    rpc::intention_matches_reply reply;
    reply.matches.set = true;
    reply.matches.resize(asked);
    reply.meta = at.reply;
    msgpack_encode(at.out, reply);
    return {};
  });
}

// Without an intention what is not forbidden by access control lists is allowed.
void intention_check(call& c) {
  rpc::intention_query r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (!r.check) return c.fail("Check must be specified on args");
  c.reply(rpc::intention_check_reply{true});
}

void intention_apply(call& c) {
  rpc::intention_apply r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (r.op == "create" || !r.intention) return refuse(c);
  c.fail(std::string(r.op == "delete" ? "Cannot delete" : "Cannot modify") + " non-existent intention: '" + r.intention->id + "'");
}

// ---- federation states ---------------------------------------------------------------------------------------------

// The datacenter that is asked for is the one to ask.
void federation_state(call& c) {
  rpc::federation_state_query r;
  if (!c.decode(r) || !c.is_local(r.target)) return;
  c.read(r.options, [](look& at, const std::function<bool()>& wanted) -> status {
    if (!wanted()) return {};
    at.reply.index = at.meta.index;
    rpc::federation_state_reply reply;
    reply.meta = at.reply;
    msgpack_encode(at.out, reply);
    return {};
  });
}

} // namespace

std::span<const method> mesh_methods() {
  static constexpr method rows[] = {
      {"ConfigEntry.Apply", no_entries},
      {"ConfigEntry.Delete", entry_delete},
      {"ConfigEntry.Get", entry_get},
      {"ConfigEntry.List", entry_list},
      {"ConfigEntry.ListAll", entry_list_all},
      {"ConfigEntry.ResolveServiceConfig", resolve_service},
      {"FederationState.Apply", no_federation},
      {"FederationState.Get", federation_state},
      {"Intention.Apply", intention_apply},
      {"Intention.Check", intention_check},
      {"Intention.Get", intention_get},
      {"Intention.Match", intention_match},
  };
  return rows;
}

} // namespace actord::consul_rpc
