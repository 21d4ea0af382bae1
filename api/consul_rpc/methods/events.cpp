// Internal.EventFire: a user event, spread in the LAN pool of the server that was asked.
#include "actors/messages/pool_messages.hpp"
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void event_fire(call& c) {
  rpc::event_fire_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (!c.env.cluster.lan) return c.fail("this server has no LAN pool: serf_lan is off");
  // The name goes behind a prefix, so that an application's events are told from Consul's own.
  pool_fire fire{"consul:event:" + r.name, std::move(r.payload), false};
  c.env.self->request(c.env.cluster.lan, caf::infinite, std::move(fire))
      .then(
          [who = c.shared_from_this()](const agent_done& d) {
            if (d.failure.code != errc::none)
              return who->fail("1 error occurred:\n\t* error broadcasting event to segment \"\": " + d.failure.text + "\n\n");
            rpc::meta_reply reply;
            reply.meta.known_leader = who->env.status.known_leader.load();
            who->reply(reply);
          },
          [who = c.shared_from_this()](const caf::error&) { who->fail("this server is stopping"); });
}

constexpr method rows[] = {{"Internal.EventFire", event_fire}};

} // namespace

std::span<const method> event_methods() { return rows; }

} // namespace actord::consul_rpc
