// Internal.KeyringOperation: the keys with which gossip is encrypted, asked of or changed on all members of the pool of servers and of
// the datacenter's own.
#include "actors/messages/pool_messages.hpp"
#include "api/consul_rpc/methods.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

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

void ask(call& c, const std::shared_ptr<gathering>& g, bool wan, pool_keys keys) {
  const auto place = g->reply.responses.size();
  g->reply.responses.push_back(shape(c.env.config.datacenter, wan));
  ++g->missing;
  auto done = [g, who = c.shared_from_this()] {
    if (--g->missing == 0) who->reply(g->reply);
  };
  c.env.self->request(wan ? c.env.cluster.wan : c.env.cluster.lan, caf::infinite, std::move(keys))
      .then(
          [g, place, done](pool_keys_done& d) {
            fill(g->reply.responses[place], d.outcome);
            done();
          },
          [g, place, done](const caf::error&) {
            g->reply.responses[place].error = "this server is stopping";
            done();
          });
}

void keyring_operation(call& c) {
  rpc::keyring_request r;
  if (!c.decode(r)) return; // of any datacenter: Consul asks them all
  pool_keys keys;
  keys.relay_factor = r.relay_factor;
  if (r.operation == "list") keys.what = members::key_operation::list;
  else if (r.operation == "install") keys.what = members::key_operation::install;
  else if (r.operation == "use") keys.what = members::key_operation::use;
  else if (r.operation == "remove") keys.what = members::key_operation::remove;
  else return c.fail("Invalid keyring operation: \"" + r.operation + "\" is none of list, install, use, remove");
  if (r.local_only && r.operation != "list") return c.fail("argument error: LocalOnly can only be used for List operations");
  if (!c.env.cluster.lan) return c.fail("this server has no LAN pool: serf_lan is off");
  auto g = std::make_shared<gathering>();
  const bool wan = c.env.cluster.wan && !r.local_only && !r.forwarded;
  if (!decode_base64(r.key, keys.key)) {
    for (bool in_wan : {true, false}) {
      if (in_wan && !wan) continue;
      g->reply.responses.push_back(shape(c.env.config.datacenter, in_wan));
      g->reply.responses.back().error = "illegal base64 data at input byte 0";
    }
    return c.reply(g->reply);
  }
  if (wan) ask(c, g, true, keys);
  ask(c, g, false, std::move(keys));
}

constexpr method rows[] = {{"Internal.KeyringOperation", keyring_operation}};

} // namespace

std::span<const method> keyring_methods() { return rows; }

} // namespace actord::consul_rpc
