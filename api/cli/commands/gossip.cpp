// Commands about what is gossiped: keyring, event.
#include "api/cli/commands/groups.hpp"
#include "api/cli/commands/target_filters.hpp"
#include "api/cli/json_read.hpp"
#include "runtime/base/pattern.hpp"

namespace actord::cli {

// ---- filters of event and exec ---------------------------------------------------------------------------------

status check_target_filters(const parsed_flags& flags) {
  for (const char* which : {"node", "service", "tag"}) {
    auto text = flags.text(which);
    if (text.empty()) continue;
    if (auto compiled = pattern::compile(text); !compiled)
      return error{errc::bad_request, std::string("Failed to compile ") + which + " filter regexp: " + compiled.err().text};
  }
  if (!flags.text("tag").empty() && flags.text("service").empty())
    return error{errc::bad_request, "Cannot provide tag filter without service filter."};
  return {};
}

api_request fire_request(const invocation& in, const std::string& name, std::string payload) {
  api_request r{.method = "PUT", .path = "/v1/event/fire/" + name, .body = std::move(payload)};
  for (const char* which : {"node", "service", "tag"})
    if (auto text = in.flags.text(which); !text.empty()) r.query.emplace_back(which, text);
  return r;
}

std::vector<flag_spec> target_filter_flags() {
  return {text_flag("node", "Only on nodes whose name matches this regular expression."),
          text_flag("service", "Only on nodes that have a service matching this regular expression."),
          text_flag("tag", "Only where that service has a tag matching this regular expression. Needs -service.")};
}

namespace {

// ---- keyring -------------------------------------------------------------------------------------------------

// Each pool with its keys and how many of its nodes have each.
std::string pool_lines(const json_node& pool, const char* which) {
  const auto* segment = member(pool, "Segment");
  std::string name = "WAN";
  const auto* wan = member(pool, "WAN");
  if (!(wan && wan->IsTrue())) {
    name = text(pool, "Datacenter") + " (LAN)";
    if (auto s = segment ? text(*segment) : std::string(); !s.empty()) name += " [" + s + "]";
  }
  std::string out = "\n" + name + ":\n";
  std::map<std::string, int64_t> keys;
  if (const auto* m = member(pool, which); m && m->IsObject())
    for (auto& e : m->GetObject())
      if (e.value.IsInt64()) keys[text(e.name)] = e.value.GetInt64();
  for (auto& [key, count] : keys) out += "  " + key + " [" + std::to_string(count) + "/" + std::to_string(number(pool, "NumNodes")) + "]\n";
  return out;
}

int list_keys(invocation& in, http_client& client, query_list query, const char* which) {
  if (in.flags.boolean("local-only")) query.emplace_back("local-only", "true");
  auto answer = client.call({.path = "/v1/operator/keyring", .query = query});
  if (!answer) return in.fail("error: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return in.fail("error: " + doc.err().text);
  std::string out;
  if (doc->root().IsArray())
    for (auto& pool : doc->root().GetArray()) out += pool_lines(pool, which);
  if (out.ends_with('\n')) out.pop_back();
  in.line(out);
  return 0;
}

int change_key(invocation& in, http_client& client, const query_list& query, const char* method, const std::string& key) {
  std::string body;
  json_writer w(body);
  w.begin_object();
  w.plain_key("Key");
  w.string(key);
  w.end_object();
  if (auto answer = client.call({.method = method, .path = "/v1/operator/keyring", .query = query, .body = body + "\n"}); !answer)
    return in.fail("error: " + answer.err().text);
  return 0;
}

int run_keyring(invocation& in) {
  auto& f = in.flags;
  const bool list = f.boolean("list"), primary = f.boolean("list-primary");
  const auto install = f.text("install"), use = f.text("use"), remove = f.text("remove");
  const int actions = int(list) + int(primary) + int(!install.empty()) + int(!use.empty()) + int(!remove.empty());
  if (actions == 0) return in.error(help_of(in.self)), 1;
  if (actions > 1) return in.fail("Only a single action is allowed");
  const auto relay = f.integer("relay-factor");
  if (relay < 0 || relay > 5) return in.fail("Error parsing relay factor: Relay factor must be in range: [0, 5]");
  if (f.boolean("local-only") && !list && !primary)
    return in.fail("Error validating local-only: local-only can only be set for list requests");
  auto client = in.connect();
  if (!client) return 1;
  query_list query;
  if (relay > 0) query.emplace_back("relay-factor", std::to_string(relay));
  if (list) return in.line("==> Gathering installed encryption keys..."), list_keys(in, *client, query, "Keys");
  if (primary) return in.line("==> Gathering installed primary encryption keys..."), list_keys(in, *client, query, "PrimaryKeys");
  if (!install.empty()) return in.line("==> Installing new gossip encryption key..."), change_key(in, *client, query, "POST", install);
  if (!use.empty()) return in.line("==> Changing primary gossip encryption key..."), change_key(in, *client, query, "PUT", use);
  return in.line("==> Removing gossip encryption key..."), change_key(in, *client, query, "DELETE", remove);
}

// ---- event -----------------------------------------------------------------------------------------------------

int run_event(invocation& in) {
  const auto name = in.flags.text("name");
  if (name.empty()) return in.fail_with_help("Event name must be specified");
  if (auto ok = check_target_filters(in.flags); !ok) return in.fail(ok.err().text);
  if (in.args().size() > 1) return in.fail_with_help("Too many command line arguments.");
  auto client = in.connect();
  if (!client) return 1;
  if (auto self = client->call({.path = "/v1/agent/self"}); !self) return in.fail("Error querying Consul agent: " + self.err().text);
  auto request = fire_request(in, name, in.args().empty() ? std::string() : in.args()[0]);
  auto answer = client->call(request);
  if (!answer) return in.fail("Error firing event: " + answer.err().text);
  auto doc = read_answer(answer->body, json_shape::object);
  if (!doc) return in.fail("Error firing event: " + doc.err().text);
  in.line("Event ID: " + text(doc->root(), "ID"));
  return 0;
}

} // namespace

void add_gossip_commands(command_list& to) {
  to.push_back({"keyring", "Manages gossip layer encryption keys", "[options]",
                "  Shows and changes the keys that gossip is encrypted with, on all nodes of the LAN\n"
                "  and the WAN pool at once. Give exactly one of -install, -list, -list-primary,\n"
                "  -remove and -use. Rotate with -install NEW, -use NEW, -remove OLD.\n\n"
                "  Works with servers only. Exits with 1 when a node did not answer or refused.",
                client_flags,
                {text_flag("install", "Give this key to all nodes. They accept it from then on, and do not use it yet."),
                 bool_flag("list", "Show the keys and how many nodes have each."),
                 bool_flag("list-primary", "Show only the keys that nodes encrypt with."),
                 bool_flag("local-only", "List the keys of the LAN pool alone."),
                 flag_spec{.name = "relay-factor", .kind = flag_kind::integer, .help = "Have every node send its answer through this many others as well, 5 at most.", .value_word = "int"},
                 text_flag("remove", "Take this key from all nodes. Not the one that they encrypt with."),
                 text_flag("use", "Have all nodes encrypt with this key, which they must have.")},
                run_keyring});
  std::vector<flag_spec> flags = target_filter_flags();
  flags.push_back(text_flag("name", "Name of the event. Required."));
  to.push_back({"event", "Fire a new event", "[options] [payload]",
                "  Sends an event to all agents of the datacenter, or to those that the filters\n"
                "  choose. They keep the last 256, and watches of type event see them. Delivery is\n"
                "  by gossip: quick, unordered, small payloads only.",
                client_flags, std::move(flags), run_event});
}

} // namespace actord::cli
