#include "actors/agent/core/service_rules.hpp"
#include "actors/messages/agent_messages.hpp"
#include "api/http/body_work.hpp"
#include "api/http/handlers/agent_handlers.hpp"

namespace actord::http {

namespace {

// Asks the agent and answers with nothing or with its error.
template <class Handle, class Message> void ask(exchange& x, const Handle& whom, Message m) {
  auto later = x.defer();
  x.env.self->request(whom, caf::infinite, std::move(m))
      .then(
          [later](const agent_done& d) {
            later.answer([&](response& out) {
              if (d.failure.code != errc::none) out.fail(d.failure);
              else out.empty();
            });
          },
          [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}

template <class Message> void ask(exchange& x, Message m) { ask(x, x.env.agent, std::move(m)); }

// False when the body was answered with Consul's 400.
template <class Record> bool decoded(exchange& x, const decoded_body<Record>& d) {
  if (d.outcome) return true;
  x.out.text(400, "Request decode failed: " + d.outcome.err().text);
  return false;
}

// strconv.ParseBool's words.
bool parse_enable(exchange& x, bool& out) {
  const std::string_view v = x.req.param("enable");
  if (!x.req.has_param("enable")) {
    x.out.text(400, "Missing value for enable");
    return false;
  }
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) if (v == yes) return out = true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) if (v == no) return out = false, true;
  x.out.text(400, "Invalid value for enable: \"" + std::string(v) + "\"");
  return false;
}

void update_ttl(exchange& x, std::string_view status) {
  ask(x, check_ttl_update{std::string(x.req.tail), std::string(status), std::string(x.req.param("note"))});
}

struct ttl_body {
  std::string status, output;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Status", s.status);
    v("Output", s.output);
  }
};

} // namespace

// What is long and will be refused does not come to the agent.
void agent_service_register(exchange& x) {
  struct registration : decoded_body<service_definition> {
    status allowed;
  };
  auto read = [](std::string_view body) {
    registration r;
    r.outcome = decode_body(body, r.record);
    if (r.outcome && body.size() > long_body) r.allowed = agent::validate_service(r.record);
    return r;
  };
  with_body(x, read, [](exchange& y, registration& d) {
    if (!decoded(y, d)) return;
    if (!d.allowed) return y.out.fail(d.allowed.err());
    service_add m;
    m.service = std::move(d.record);
    m.token = parse_token(y.req);
    const std::string_view replace = y.req.param("replace-existing-checks");
    m.replace_existing_checks = y.req.has_param("replace-existing-checks") && (replace.empty() || replace == "true");
    ask(y, std::move(m));
  });
}

void agent_service_deregister(exchange& x) { ask(x, service_remove{std::string(x.req.tail)}); }

void agent_check_register(exchange& x) {
  with_record<check_registration>(x, [](exchange& y, decoded_body<check_registration>& d) {
    if (decoded(y, d)) ask(y, check_add{std::move(d.record), std::string(parse_token(y.req))});
  });
}

void agent_check_deregister(exchange& x) { ask(x, check_remove{std::string(x.req.tail)}); }
void agent_check_pass(exchange& x) { update_ttl(x, health_passing); }
void agent_check_warn(exchange& x) { update_ttl(x, health_warning); }
void agent_check_fail(exchange& x) { update_ttl(x, health_critical); }

void agent_check_update(exchange& x) {
  with_record<ttl_body>(x, [](exchange& y, decoded_body<ttl_body>& d) {
    if (decoded(y, d)) ask(y, check_ttl_update{std::string(y.req.tail), std::move(d.record.status), std::move(d.record.output)});
  });
}

void agent_maintenance(exchange& x) {
  maintenance_set m;
  if (!parse_enable(x, m.enable)) return;
  m.reason = x.req.param("reason");
  ask(x, std::move(m));
}

void agent_service_maintenance(exchange& x) {
  maintenance_set m;
  m.node = false;
  m.service_id = x.req.tail;
  if (m.service_id.empty()) return x.out.text(400, "Missing service ID");
  if (!parse_enable(x, m.enable)) return;
  m.reason = x.req.param("reason");
  ask(x, std::move(m));
}

// Whatever is wrong with the files, it is not the request: 500.
void agent_reload_config(exchange& x) {
  auto later = x.defer();
  x.env.self->request(x.env.agent, caf::infinite, agent_reload{})
      .then(
          [later](const agent_done& d) {
            later.answer([&](response& out) {
              if (d.failure.code != errc::none) out.text(500, d.failure.text);
              else out.empty();
            });
          },
          [later](const caf::error&) { later.answer([](response& out) { out.text(500, "agent is stopping"); }); });
}
void agent_leave_cluster(exchange& x) { ask(x, x.env.cluster.leave, agent_leave{}); } // not by the agent, which may wait for a disk

void agent_token(exchange& x) { x.out.text(401, "ACL support disabled"); }

} // namespace actord::http
