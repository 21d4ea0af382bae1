// /v1/operator/keyring: the keys with which gossip is encrypted, in the pool of servers and in our own.
#include "actors/messages/pool_messages.hpp"
#include "api/http/body_work.hpp"
#include "api/http/routes.hpp"
#include <charconv>

namespace actord::http {

namespace {

struct key_body {
  std::string key;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Key", s.key); }
};

// What one pool said.
struct pool_answer {
  bool wan = false;
  members::key_outcome outcome;
};
struct gathering {
  std::string datacenter;
  bool lists = false;
  std::vector<pool_answer> answers;
  size_t missing = 0;
};

void counts_json(json_writer& w, std::string_view name, const std::map<std::string, size_t>& counts) {
  w.plain_key(name);
  w.begin_object();
  for (const auto& [key, n] : counts) {
    w.key(key);
    w.number(static_cast<uint64_t>(n));
  }
  w.end_object();
}

void answers_json(response& out, const gathering& g) {
  auto w = out.begin_json();
  w.begin_array();
  for (const auto& a : g.answers) {
    w.begin_object();
    w.plain_key("WAN"), w.boolean(a.wan);
    w.plain_key("Datacenter"), w.string(g.datacenter);
    w.plain_key("Segment"), w.string("");
    if (!a.outcome.messages.empty()) {
      w.plain_key("Messages");
      w.begin_object();
      for (const auto& [node, text] : a.outcome.messages) w.key(node), w.string(text);
      w.end_object();
    }
    counts_json(w, "Keys", a.outcome.keys);
    counts_json(w, "PrimaryKeys", a.outcome.primaries);
    w.plain_key("NumNodes"), w.number(static_cast<uint64_t>(a.outcome.nodes));
    w.end_object();
  }
  w.end_array();
}

void finish(response& out, const gathering& g) {
  std::string errors;
  size_t count = 0;
  auto add = [&](const std::string& text) {
    ++count;
    errors += "\t* " + text + "\n";
  };
  for (const auto& a : g.answers) {
    if (a.outcome.error.empty()) continue;
    add((a.wan ? std::string("WAN") : g.datacenter + " (LAN)") + " error: " + a.outcome.error);
    for (const auto& [node, text] : a.outcome.messages) add(node + ": " + text);
  }
  if (count > 0) return out.text(500, std::to_string(count) + (count == 1 ? " error occurred:\n" : " errors occurred:\n") + errors + "\n");
  if (g.lists) answers_json(out, g);
  else out.empty();
}

void ask(exchange& x, const deferred& later, const std::shared_ptr<gathering>& g, bool wan, pool_keys keys) {
  const auto& pool = wan ? x.env.cluster.wan : x.env.cluster.lan;
  const size_t place = g->answers.size();
  g->answers.push_back({wan, {}});
  ++g->missing;
  auto done = [g, later] {
    if (--g->missing == 0) later.answer([&](response& out) { finish(out, *g); });
  };
  x.env.self->request(pool, caf::infinite, std::move(keys))
      .then(
          [g, place, done](pool_keys_done& d) {
            g->answers[place].outcome = std::move(d.outcome);
            done();
          },
          [g, place, done](const caf::error&) {
            g->answers[place].outcome.error = "agent is stopping";
            done();
          });
}

// strconv.ParseBool.
std::optional<bool> parse_flag(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) if (text == yes) return true;
  for (std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) if (text == no) return false;
  return {};
}

// Nothing when the request was answered with what is wrong with it.
std::optional<pool_keys> parse(exchange& x, bool& local_only) {
  pool_keys keys;
  auto refuse = [&](std::string text) {
    x.out.text(400, "Bad request: " + text);
    return std::nullopt;
  };
  const bool lists = x.req.method == "GET";
  const std::string factor(x.req.param("relay-factor")), local(x.req.param("local-only"));
  if (!factor.empty()) {
    int n = 0;
    const auto [end, bad] = std::from_chars(factor.data(), factor.data() + factor.size(), n);
    if (bad != std::errc() || end != factor.data() + factor.size()) return refuse("Error parsing relay factor: strconv.Atoi: parsing \"" + factor + "\": invalid syntax");
    if (n < 0 || n > 5) return refuse("Invalid relay-factor: Relay factor must be in range: [0, 5]");
    keys.relay_factor = static_cast<uint8_t>(n);
  }
  if (!local.empty()) {
    const auto flag = parse_flag(local);
    if (!flag) return refuse("Error parsing local-only: strconv.ParseBool: parsing \"" + local + "\": invalid syntax");
    if (*flag && !lists) return refuse("Invalid use of local-only: local-only can only be set for list requests");
    local_only = *flag;
  }
  if (!lists)
    keys.what = x.req.method == "POST" ? members::key_operation::install : x.req.method == "PUT" ? members::key_operation::use : members::key_operation::remove;
  return keys;
}

void change_keys(exchange& x, decoded_body<key_body>& d) {
  if (!d.outcome) return x.out.text(400, "Bad request: Request decode failed: " + d.outcome.err().text);
  bool local_only = false;
  auto keys = parse(x, local_only);
  if (!keys) return;
  if (!x.env.config.server || !x.env.cluster.lan) return x.out.text(500, "keyring operations must run against a server node");
  auto g = std::make_shared<gathering>();
  g->datacenter = x.env.config.datacenter;
  g->lists = keys->what == members::key_operation::list;
  const bool wan = x.env.cluster.wan && !local_only;
  if (!decode_base64(d.record.key, keys->key)) {
    if (wan) g->answers.push_back({true, {}});
    g->answers.push_back({false, {}});
    for (auto& a : g->answers) a.outcome.error = "illegal base64 data at input byte 0";
    return finish(x.out, *g);
  }
  auto later = x.defer();
  if (wan) ask(x, later, g, true, *keys);
  ask(x, later, g, false, *keys);
}

} // namespace

void operator_keyring(exchange& x) {
  decoded_body<key_body> none;
  if (x.req.method == "GET") return change_keys(x, none);
  with_record<key_body>(x, change_keys);
}

} // namespace actord::http
