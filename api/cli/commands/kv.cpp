// kv get, put, delete; the group's row.
#include "api/cli/commands/kv.hpp"
#include "api/cli/commands/groups.hpp"
#include "api/cli/table.hpp"

namespace actord::cli {

std::string without_leading_slash(const std::string& key) { return key.starts_with('/') ? key.substr(1) : key; }

result<std::vector<kv_entry>> fetch_pairs(const invocation& in, http_client& client, const std::string& key, bool recurse) {
  api_request r{.path = "/v1/kv/" + without_leading_slash(key), .query = in.query()};
  if (recurse) r.query.emplace_back("recurse", "");
  auto answer = client.send(r);
  if (!answer) return answer.err();
  if (answer->code == 404) return std::vector<kv_entry>{};
  // Consul's client shows no text here.
  if (answer->code != 200) return error{errc::internal, "Unexpected response code: " + std::to_string(answer->code)};
  list_of<kv_entry> entries;
  if (auto s = from_json(answer->body, entries, {.allow_unknown = true}); !s) return s.err();
  return std::vector<kv_entry>(std::move(entries));
}

namespace {

std::string shown_value(const kv_entry& e, bool base64) {
  if (!base64) return e.value;
  std::string out;
  append_base64(out, e.value);
  return out;
}

std::string details_of(const kv_entry& e, bool base64) {
  auto text = render_table({{"CreateIndex", std::to_string(e.create_index)},
                            {"Flags", std::to_string(e.flags)},
                            {"Key", e.key},
                            {"LockIndex", std::to_string(e.lock_index)},
                            {"ModifyIndex", std::to_string(e.modify_index)},
                            {"Session", e.session.empty() ? "-" : e.session},
                            {"Value", shown_value(e, base64)}},
                           6);
  text.erase(text.find_last_not_of(" \t\r\n\v\f") + 1);
  return text;
}

int get_keys(invocation& in, http_client& client, const std::string& prefix) {
  api_request r{.path = "/v1/kv/" + without_leading_slash(prefix), .query = in.query()};
  r.query.emplace_back("keys", "");
  if (auto separator = in.flags.text("separator", "/"); !separator.empty()) r.query.emplace_back("separator", separator);
  auto answer = client.send(r);
  if (answer && answer->code == 404) return 0;
  if (answer && answer->code != 200) answer = error{errc::internal, "Unexpected response code: " + std::to_string(answer->code)};
  if (!answer) return in.fail("Error querying Consul agent: " + answer.err().text);
  string_slice keys;
  if (auto s = from_json(answer->body, keys); !s) return in.fail("Error querying Consul agent: " + s.err().text);
  for (auto& k : keys) in.line(k);
  return 0;
}

int run_get(invocation& in) {
  if (in.args().size() > 1) return in.fail("Too many arguments (expected 1, got " + std::to_string(in.args().size()) + ")");
  auto key = without_leading_slash(in.args().empty() ? "" : in.args()[0]);
  bool keys = in.flags.boolean("keys"), recurse = in.flags.boolean("recurse");
  if (key.empty() && !keys && !recurse) return in.fail("Error! Missing KEY argument");
  auto client = in.connect();
  if (!client) return 1;
  if (keys) return get_keys(in, *client, key);
  auto pairs = fetch_pairs(in, *client, key, recurse);
  if (!pairs) return in.fail("Error querying Consul agent: " + pairs.err().text);
  bool detailed = in.flags.boolean("detailed"), base64 = in.flags.boolean("base64");
  if (!recurse) {
    if (pairs->empty()) return in.fail("Error! No key exists at: " + key);
    in.line(detailed ? details_of(pairs->front(), base64) : shown_value(pairs->front(), base64));
    return 0;
  }
  for (size_t i = 0; i < pairs->size(); ++i) {
    auto& e = (*pairs)[i];
    if (detailed) in.line((i > 0 ? "\n" : "") + details_of(e, base64));
    else in.line(e.key + ":" + shown_value(e, base64));
  }
  return 0;
}

// The flags of put and delete that must or must not stand together; "" when they may.
std::string put_flags_error(const parsed_flags& f) {
  if (f.boolean("cas") && f.unsigned_integer("modify-index") == 0) return "Must specify -modify-index with -cas!";
  if ((f.boolean("acquire") || f.boolean("release")) && f.text("session").empty())
    return "Error! Missing -session (required with -acquire and -release)";
  return {};
}

result<std::string> put_body(const invocation& in) {
  if (in.args().size() < 2) return std::string();
  auto body = read_argument(in, in.args()[1]);
  if (!body || !in.flags.boolean("base64")) return body;
  std::string decoded;
  if (decode_base64(*body, decoded)) return decoded;
  // Consul says so and writes what it could decode; scripts have come to rely on the exit code.
  in.error("Error! Cannot base 64 decode data: illegal base64 data at input byte 0");
  return std::string();
}

int run_put(invocation& in) {
  auto& args = in.args();
  if (args.empty()) return in.fail("Error! Missing KEY argument");
  if (args.size() > 2) return in.fail("Error! Too many arguments (expected 1 or 2, got " + std::to_string(args.size()) + ")");
  auto body = put_body(in);
  if (!body) return in.fail("Error! " + body.err().text);
  if (auto wrong = put_flags_error(in.flags); !wrong.empty()) return in.fail(wrong);
  auto client = in.connect();
  if (!client) return 1;
  auto& key = args[0];
  if (key.starts_with('/')) return in.fail("Error! Failed writing data: Invalid key. Key must not begin with a '/': " + key);
  api_request r{.method = "PUT", .path = "/v1/kv/" + key, .query = in.query(), .body = std::move(*body)};
  if (auto flags = in.flags.unsigned_integer("flags")) r.query.emplace_back("flags", std::to_string(flags));
  auto session = in.flags.text("session");
  bool cas = in.flags.boolean("cas"), acquire = !cas && in.flags.boolean("acquire"), release = !cas && !acquire && in.flags.boolean("release");
  if (cas) r.query.emplace_back("cas", std::to_string(in.flags.unsigned_integer("modify-index")));
  if (acquire) r.query.emplace_back("acquire", session);
  if (release) r.query.emplace_back("release", session);
  auto answer = client->call(r);
  if (!answer) return in.fail("Error! Failed writing data: " + answer.err().text);
  bool done = answer->body.find("true") != std::string::npos;
  if (cas && !done) return in.fail("Error! Did not write to " + key + ": CAS failed");
  if (acquire && !done) return in.fail("Error! Did not acquire lock");
  if (release && !done) return in.fail("Error! Did not release lock");
  in.line((acquire ? "Success! Lock acquired on: " : release ? "Success! Lock released on: " : "Success! Data written to: ") + key);
  return 0;
}

int run_delete(invocation& in) {
  auto& args = in.args();
  auto& flags = in.flags;
  bool recurse = flags.boolean("recurse"), cas = flags.boolean("cas");
  if (args.size() > 1) return in.fail("Too many arguments (expected 1, got " + std::to_string(args.size()) + ")");
  auto key = without_leading_slash(args.empty() ? "" : args[0]);
  if (key.empty() && !recurse) return in.fail("Error! Missing KEY argument");
  auto index = flags.unsigned_integer("modify-index");
  if (cas && index == 0) return in.fail("Must specify -modify-index with -cas!");
  if (!cas && index != 0) return in.fail("Cannot specify -modify-index without -cas!");
  if (cas && recurse) return in.fail("Cannot specify both -cas and -recurse!");
  auto client = in.connect();
  if (!client) return 1;
  api_request r{.method = "DELETE", .path = "/v1/kv/" + key, .query = in.query()};
  if (recurse) r.query.emplace_back("recurse", "");
  if (cas) r.query.emplace_back("cas", std::to_string(index));
  auto answer = client->call(r);
  if (!answer) {
    std::string what = recurse ? "prefix " : "key ";
    return in.fail("Error! Did not delete " + what + key + ": " + answer.err().text);
  }
  if (cas && answer->body.find("true") == std::string::npos) return in.fail("Error! Did not delete key " + key + ": CAS failed");
  in.line((recurse ? "Success! Deleted keys with prefix: " : "Success! Deleted key: ") + key);
  return 0;
}

flag_spec index_flag() { return uint_flag("modify-index", "The ModifyIndex that the key must have, for -cas."); }
flag_spec cas_flag() { return bool_flag("cas", "Only when the key still has the index given with -modify-index."); }

} // namespace

void add_kv_commands(command_list& to) {
  to.push_back({"kv", "Interact with the key-value store", "<subcommand> [options] [args]",
                "  Reads and writes the key/value store.\n\n"
                "      $ consul kv put app/limit 5\n      $ consul kv get app/limit\n      $ consul kv delete app/limit"});
  to.push_back({"kv get", "Retrieves or lists data from the KV store", "[options] [KEY_OR_PREFIX]",
                "  Prints the value of a key as it is. -detailed adds what the store knows about the\n"
                "  key; -recurse prints all keys with a prefix, -keys only their names.\n\n"
                "      $ consul kv get -recurse app/",
                client_and_server,
                {bool_flag("base64", "Print values as base64."), bool_flag("detailed", "Print indexes, flags and lock beside the value."),
                 bool_flag("keys", "Print names only, down to the separator."), namespace_flag(),
                 bool_flag("recurse", "Print every key that begins with the given prefix."),
                 text_flag("separator", "Where -keys cuts names; \"\" lists them all.", "string", "/")},
                run_get});
  to.push_back({"kv put", "Sets or updates data in the KV store", "[options] KEY [DATA]",
                "  Writes a key. DATA is the value itself, @FILE for a file's content, or - for\n"
                "  what comes on the standard input; without it the value is empty.\n\n"
                "      $ consul kv put app/limit 5\n      $ consul kv put app/licence @licence.txt\n\n"
                "  Flags must stand before KEY.",
                client_and_server,
                {bool_flag("acquire", "Lock the key for -session; the key is made if need be."), bool_flag("base64", "DATA is base64; write what it stands for."),
                 cas_flag(), uint_flag("flags", "A number to keep with the key, of meaning to its users only."), index_flag(), namespace_flag(),
                 bool_flag("release", "Unlock the key, which -session must hold."), text_flag("session", "ID of the session that locks or unlocks.")},
                run_put});
  to.push_back({"kv delete", "Removes data from the KV store", "[options] KEY_OR_PREFIX",
                "  Removes a key, or with -recurse all keys with a prefix. A key that is not there\n"
                "  counts as removed.",
                client_and_server, {cas_flag(), index_flag(), namespace_flag(), bool_flag("recurse", "Remove every key that begins with the given prefix.")},
                run_delete});
  add_kv_transfer_commands(to);
}

} // namespace actord::cli
