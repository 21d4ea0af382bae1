// Session.*: made, ended, renewed.
#include "api/consul_rpc/methods.hpp"
#include "api/endpoints/session.hpp"
#include "runtime/config/loader.hpp"
#include "storage/command/apply_result.hpp"
#include "storage/command/commands.hpp"
#include "storage/command/session_rules.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void say_id(call& c, const apply_result& r) { c.reply(r.body); } // "" of one that was destroyed

void apply(call& c) {
  session_request r;
  if (!c.decode(r) || !c.is_local(r.datacenter)) return;
  if (r.op == session_create) {
    if (auto fine = check_new_session(r.session, c.env.config.session_ttl_min); !fine) return c.fail(fine.err().text);
    auto id = fresh_uuid();
    if (!id) return c.fail(id.err().text);
    r.session.id = *id; // whatever the caller had in mind
  } else if (r.session.id.empty()) return c.fail("Must provide ID");
  c.propose(encode_command(command_kind::session, r), say_id);
}

void say_renewed(call& c, const apply_result& r) {
  rpc::sessions_reply out;
  out.meta.index = r.index;
  out.meta.known_leader = true;
  session_record s;
  if (r.value && !from_msgpack(r.body, s)) return c.fail("the leader's answer could not be read");
  if (r.value) out.sessions.push_back(std::move(s));
  c.reply(out);
}

void renew(call& c) {
  rpc::session_request q;
  if (!c.decode(q) || !c.is_local(q.datacenter)) return;
  c.propose(encode_command(command_kind::session_renew, session_renewal{endpoints::session::id_of(q)}), say_renewed);
}

constexpr method rows[] = {{"Session.Apply", apply}, {"Session.Renew", renew}};

} // namespace

std::span<const method> session_methods() { return rows; }

} // namespace actord::consul_rpc
