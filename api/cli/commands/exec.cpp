// exec: a command on many nodes. The job stands in KV below a session of ours, an event tells the agents, they answer in KV.
#include "api/cli/commands/groups.hpp"
#include "api/cli/commands/target_filters.hpp"
#include "api/cli/json_read.hpp"
#include "api/cli/kv_access.hpp"
#include "api/cli/signal_watch.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/base/thread_start.hpp"
#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <set>

namespace actord::cli {
namespace {

using clock = std::chrono::steady_clock;

struct happening {
  enum class kind : uint8_t { acknowledged, heartbeat, output, ended, trouble, failed };
  kind what = kind::trouble;
  std::string node, text;
  int64_t code = 0;
};

// What the reader of KV found, for the one who prints.
struct findings {
  std::mutex lock;
  std::condition_variable wake;
  std::deque<happening> queue;
  bool stopped = false;

  void add(happening h) {
    {
      std::lock_guard hold(lock);
      queue.push_back(std::move(h));
    }
    wake.notify_all();
  }
};

struct exec_job {
  std::string prefix, command;
  std::vector<std::string> args;
  std::string script;
  nanos wait{0}, replication{0};
  bool shell = true, verbose = false;
};

std::string spec_of(const exec_job& j) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  w.plain_key("Command");
  w.string(j.command);
  w.plain_key("Args");
  if (j.args.empty()) w.null();
  else {
    w.begin_array();
    for (auto& a : j.args) w.string(a);
    w.end_array();
  }
  w.plain_key("Script");
  if (j.script.empty()) w.null();
  else w.base64(j.script);
  w.plain_key("Wait");
  w.number(static_cast<int64_t>(j.wait.count()));
  w.end_object();
  return out;
}

std::string object_of(const std::vector<std::pair<const char*, std::string>>& members) {
  std::string out;
  json_writer w(out);
  w.begin_object();
  for (auto& [name, value] : members) {
    w.plain_key(name);
    w.string(value);
  }
  w.end_object();
  return out;
}

std::string join_path(const std::string& prefix, const std::string& rest) {
  auto p = prefix;
  while (p.ends_with('/')) p.pop_back();
  return p.empty() ? rest : p + "/" + rest;
}

// ---- reading the answers ---------------------------------------------------------------------------------------

// One key below the job's folder, `name` without the folder.
happening read_key(kv_access& kv, const std::string& full, const std::string& name) {
  using kind = happening::kind;
  auto without = [&](std::string_view suffix) { return name.substr(0, name.size() - suffix.size()); };
  if (name.ends_with("/ack")) return {kind::acknowledged, without("/ack"), {}, 0};
  const bool exit = name.ends_with("/exit");
  const auto output = name.rfind("/out/");
  if (!exit && output == std::string::npos) return {kind::trouble, {}, "Unknown key '" + name + "', ignoring.", 0};
  auto look = kv.get(full);
  if (!look || look->pairs.empty())
    return {kind::trouble, {}, "Failed to read key '" + full + "': " + (look ? std::string("<nil>") : look.err().text), 0};
  auto& value = look->pairs[0].value;
  if (!exit) return {value.empty() ? kind::heartbeat : kind::output, name.substr(0, output), value, 0};
  char* end = nullptr;
  const auto code = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end) return {kind::trouble, {}, "Failed to parse exit code '" + value + "': strconv.ParseInt: parsing \"" + value + "\": invalid syntax", 0};
  return {kind::ended, without("/exit"), {}, code};
}

result<std::vector<std::string>> read_keys(kv_access& kv, const query_list& more, const std::string& folder, nanos patience, uint64_t& index) {
  api_request r{.path = "/v1/kv/" + folder, .query = {{"keys", ""}, {"separator", ""}}};
  r.query.emplace_back("wait", std::to_string(std::max<int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(patience).count())) + "ms");
  if (index > 0) r.query.emplace_back("index", std::to_string(index));
  for (auto& pair : more) r.query.push_back(pair);
  auto answer = kv.client().send(r);
  if (!answer) return answer.err();
  std::vector<std::string> keys;
  index = answer->index;
  if (answer->code == 404) return keys;
  if (answer->code != 200) return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code)};
  auto doc = read_answer(answer->body, json_shape::list);
  if (!doc) return doc.err();
  if (doc->root().IsArray())
    for (auto& k : doc->root().GetArray()) keys.push_back(text(k));
  return keys;
}

void read_results(http_client& client, const query_list& more, const std::string& folder, nanos patience, findings& to) {
  kv_access kv(client, more);
  std::set<std::string> seen;
  uint64_t index = 0;
  for (;;) {
    const auto before = index;
    auto keys = read_keys(kv, more, folder, patience, index);
    {
      std::lock_guard hold(to.lock);
      if (to.stopped) return;
    }
    if (!keys) return to.add({happening::kind::failed, {}, "Failed to read results: " + keys.err().text, 0});
    if (index == before) continue;
    for (auto& key : *keys) {
      if (!key.starts_with(folder) || !seen.insert(key).second) continue;
      auto name = key.substr(folder.size());
      if (name != "job") to.add(read_key(kv, key, name));
    }
  }
}

// ---- printing -----------------------------------------------------------------------------------------------------

// Each line of the text with the node before it; white space at the end is dropped, as Consul does.
std::string targeted(const char* arrow, const std::string& node, const std::string& text) {
  std::string out;
  for (size_t from = 0; from <= text.size();) {
    auto to = std::min(text.find('\n', from), text.size());
    out += std::string(arrow) + " " + node + ": " + text.substr(from, to - from) + "\n";
    from = to + 1;
  }
  while (!out.empty() && (out.back() == ' ' || (out.back() >= 9 && out.back() <= 13))) out.pop_back();
  return out;
}

int print_until_quiet(invocation& in, const exec_job& job, findings& found) {
  using kind = happening::kind;
  const auto start = clock::now();
  int acknowledged = 0, ended = 0, bad = 0;
  std::unique_lock hold(found.lock);
  for (;;) {
    // Longer while we know of nodes that are still working.
    const auto patience = acknowledged > ended ? job.wait * 2 : job.wait;
    if (!found.wake.wait_for(hold, patience, [&] { return found.stopped || !found.queue.empty(); })) break;
    if (found.stopped) return 1;
    auto h = std::move(found.queue.front());
    found.queue.pop_front();
    hold.unlock();
    switch (h.what) {
    case kind::acknowledged:
      ++acknowledged;
      if (job.verbose) in.line(targeted("==>", h.node, "acknowledged"));
      break;
    case kind::heartbeat:
      if (job.verbose) in.line(targeted("==>", h.node, "heartbeat received"));
      break;
    case kind::output: in.line(targeted("   ", h.node, h.text)); break;
    case kind::ended:
      ++ended;
      if (h.code != 0) ++bad;
      in.line(targeted("==>", h.node, "finished with exit code " + std::to_string(h.code)));
      break;
    case kind::trouble: in.error(h.text); break;
    case kind::failed: return in.fail(h.text);
    }
    hold.lock();
  }
  in.line(std::to_string(ended) + " / " + std::to_string(acknowledged) + " node(s) completed / acknowledged");
  if (job.verbose) in.line(fmt::format("Completed in {:.2f} seconds", std::chrono::duration<double>(clock::now() - start).count()));
  return bad > 0 || ended < acknowledged ? 2 : 0;
}

// ---- the run --------------------------------------------------------------------------------------------------------

// Where the session lives: at our agent's node, or, for another datacenter, at one of its servers.
result<std::string> session_spec(invocation& in, http_client& client, const exec_job& job) {
  auto self = client.call({.path = "/v1/agent/self"});
  if (!self) return self.err();
  auto doc = read_answer(self->body, json_shape::object);
  if (!doc) return doc.err();
  const auto* config = member(doc->root(), "Config");
  const auto here = config ? text(*config, "Datacenter") : std::string(), node = config ? text(*config, "NodeName") : std::string();
  const auto there = in.flags.text("datacenter");
  if (there.empty() || there == here) return object_of({{"Name", "Remote Exec"}, {"Behavior", "delete"}, {"TTL", "15s"}});
  if (job.verbose) in.line("Remote exec in foreign datacenter, using Session TTL");
  const std::string failed = "Failed to create session: Failed to find Consul server in remote datacenter";
  auto servers = client.call({.path = "/v1/health/service/consul", .query = {{"dc", there}, {"passing", "1"}}});
  if (!servers) return error{errc::not_found, failed + ": " + servers.err().text};
  auto list = read_answer(servers->body, json_shape::list);
  if (!list) return error{errc::not_found, failed + ": " + list.err().text};
  const auto* first = list->root().IsArray() && !list->root().Empty() ? member(list->root()[0], "Node") : nullptr;
  if (!first) return error{errc::not_found, failed};
  const auto server = text(*first, "Node");
  if (job.verbose) in.line("Binding session to remote node " + server + "@" + there);
  auto spec = object_of({{"Name", "Remote Exec via " + node + "@" + here}, {"Node", server}, {"Behavior", "delete"}, {"TTL", "15s"}});
  spec.insert(spec.size() - 1, ",\"Checks\":[]");
  return spec;
}

int fire_and_print(invocation& in, const exec_job& job, http_client& client, http_client& reader, kept_session& session, findings& found) {
  {
    std::unique_lock hold(found.lock);
    if (found.wake.wait_for(hold, job.replication, [&] { return found.stopped; })) return 1;
  }
  auto fire = fire_request(in, "_rexec", object_of({{"Prefix", job.prefix}, {"Session", session.id()}}));
  for (auto& pair : in.query()) fire.query.push_back(pair);
  auto fired = client.call(fire);
  if (!fired) return in.fail("Failed to fire event: " + fired.err().text);
  if (job.verbose) {
    auto doc = read_answer(fired->body, json_shape::object);
    in.line("Fired remote execution event: " + (doc ? text(doc->root(), "ID") : std::string()));
  }
  auto started = start_thread("results", [&, folder = join_path(job.prefix, session.id()) + "/"] { read_results(reader, in.query(), folder, job.wait, found); });
  if (!started) return in.fail(started.err().text);
  std::thread results = std::move(*started);
  const int code = print_until_quiet(in, job, found);
  {
    std::lock_guard hold(found.lock);
    found.stopped = true;
  }
  reader.interrupt();
  results.join();
  // The session goes before the data, so that no agent can write once they are gone.
  session.end();
  return code;
}

int run_job(invocation& in, const exec_job& job) {
  auto client = in.connect();
  if (!client) return 1;
  auto spec = session_spec(in, *client, job);
  if (!spec) return in.fail(spec.err().code == errc::not_found ? spec.err().text : "Error querying Consul agent: " + spec.err().text);
  auto reader = in.connect(), renewer = in.connect();
  if (!reader || !renewer) return 1;
  findings found;
  signal_watch signals({SIGINT, SIGTERM}, [&](int) {
    {
      std::lock_guard hold(found.lock);
      found.stopped = true;
    }
    found.wake.notify_all();
  });
  query_list where;
  if (auto dc = in.flags.text("datacenter"); !dc.empty()) where.emplace_back("dc", dc);
  auto session = kept_session::begin(std::move(renewer), where, *spec, std::chrono::seconds(5),
                                     [&](const std::string& why) { in.error("Session renew failed: " + why); });
  if (!session) return in.fail("Failed to create session: " + session.err().text);
  auto& id = (*session)->id();
  if (job.verbose) in.line("Created remote execution session: " + id);
  kv_access kv(*client, where);
  const auto folder = join_path(job.prefix, id);
  auto written = kv.put({folder + "/job", spec_of(job), {}, 0, 0}, {{"acquire", id}});
  if (!written) return in.fail("Failed to create job file: " + written.err().text);
  if (!*written) return in.fail("Failed to create job file: failed to acquire key " + folder + "/job");
  if (job.verbose) in.line("Uploaded remote execution spec");
  const int code = fire_and_print(in, job, *client, *reader, **session, found);
  (*session)->end();
  (void)kv.remove(folder, {{"recurse", ""}});
  return code;
}

int run_exec(invocation& in) {
  auto& f = in.flags;
  exec_job job;
  for (auto& a : in.args()) job.command += (job.command.empty() && &a == &in.args().front() ? "" : " ") + a;
  job.shell = f.boolean("shell", true);
  if (job.command == "-") {
    if (!job.shell) return in.fail("Cannot configure -shell=false when reading from stdin");
    job.command.clear();
    job.script = in.io.read_stdin();
  } else if (!job.shell) {
    job.command.clear();
    job.args = in.args();
  }
  if (job.command.empty() && job.script.empty() && job.args.empty()) return in.fail_with_help("Must specify a command to execute");
  if (auto ok = check_target_filters(f); !ok) return in.fail(ok.err().text);
  job.prefix = f.text("prefix", "_rexec");
  job.verbose = f.boolean("verbose");
  auto time = [&](const char* name, nanos fallback) {
    auto d = f.has(name) ? parse_duration(f.text(name)) : result<nanos>(fallback);
    return d ? *d : fallback;
  };
  job.wait = time("wait", std::chrono::seconds(2));
  job.replication = time("wait-repl", std::chrono::milliseconds(200));
  return run_job(in, job);
}

} // namespace

void add_exec_command(command_list& to) {
  auto flags = target_filter_flags();
  auto time = [](const char* name, const char* help) {
    return flag_spec{.name = name, .kind = flag_kind::duration, .help = help, .value_word = "duration"};
  };
  flags.push_back(text_flag("prefix", "Where in KV the job and its answers stand; _rexec by default."));
  flags.push_back(flag_spec{.name = "shell", .kind = flag_kind::boolean, .help = "Run the command through a shell.", .shown_default = "true"});
  flags.push_back(bool_flag("verbose", "Say what happens, and which nodes have the job."));
  flags.push_back(time("wait", "End when nothing has come for so long; 2s by default. Twice that while nodes are known to be at work."));
  flags.push_back(time("wait-repl", "Wait so long before the agents are told, so that all servers have the job; 200ms by default."));
  to.push_back({"exec", "Executes a command on Consul nodes", "[options] [-|command...]",
                "  Runs a command on the nodes that the filters choose, and prints what they say.\n"
                "  With '-' the standard input is the script to run. Agents take part when they are\n"
                "  configured with disable_remote_exec=false.\n\n"
                "  Exits with 2 when the command failed somewhere or did not end in time.",
                client_and_server, std::move(flags), run_exec});
}

} // namespace actord::cli
