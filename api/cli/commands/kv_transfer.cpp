// kv export and kv import: a tree of keys as JSON, out and in.
#include "api/cli/commands/kv.hpp"

namespace actord::cli {
namespace {

struct transfer_entry {
  std::string key;
  uint64_t flags = 0;
  std::string value; // base64
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("key", s.key);
    v("flags", s.flags);
    v("value", s.value);
  }
};

int run_export(invocation& in) {
  if (in.args().size() > 1) return in.fail("Too many arguments (expected 1, got " + std::to_string(in.args().size()) + ")");
  auto client = in.connect();
  if (!client) return 1;
  auto pairs = fetch_pairs(in, *client, in.args().empty() ? "" : in.args()[0], true);
  if (!pairs) return in.fail("Error querying Consul agent: " + pairs.err().text);
  list_of<transfer_entry> out;
  out.set = true;
  for (auto& e : *pairs) {
    transfer_entry t{e.key, e.flags, {}};
    append_base64(t.value, e.value);
    out.push_back(std::move(t));
  }
  in.line(out.empty() ? "[]" : json_pretty(to_json(out), "\t", false));
  return 0;
}

int run_import(invocation& in) {
  auto& args = in.args();
  if (args.empty()) return in.fail("Error! Missing DATA argument");
  if (args.size() > 1) return in.fail("Error! Too many arguments (expected 1, got " + std::to_string(args.size()) + ")");
  if (args[0].empty()) return in.fail("Error! Empty DATA argument");
  auto text = read_argument(in, args[0]);
  if (!text) return in.fail("Error! " + text.err().text);
  auto client = in.connect();
  if (!client) return 1;
  auto doc = json_document::parse(*text);
  if (!doc) return in.fail("Cannot unmarshal data: " + doc.err().text);
  if (!doc->root().IsArray() && !doc->root().IsNull()) {
    auto& n = doc->root();
    std::string kind = n.IsObject() ? "object" : n.IsString() ? "string" : n.IsBool() ? "bool" : "number";
    return in.fail("Cannot unmarshal data: json: cannot unmarshal " + kind + " into Go value of type []*impexp.Entry");
  }
  list_of<transfer_entry> entries;
  if (auto s = json_decode(doc->root(), entries, {}, {.allow_unknown = true}); !s) {
    auto why = s.err().text;
    if (auto at = why.find("struct field ."); at != std::string::npos) why.insert(at + 13, "Entry"); // the record's name in Go
    return in.fail("Cannot unmarshal data: " + why);
  }
  for (auto& e : entries) {
    api_request r{.method = "PUT", .path = "/v1/kv/" + e.key, .query = in.query()};
    if (!decode_base64(e.value, r.body))
      return in.fail("Error base 64 decoding value for key " + e.key + ": illegal base64 data at input byte 0");
    if (e.key.starts_with('/'))
      return in.fail("Error! Failed writing data for key " + e.key + ": Invalid key. Key must not begin with a '/': " + e.key);
    if (e.flags) r.query.emplace_back("flags", std::to_string(e.flags));
    if (auto answer = client->call(r); !answer) return in.fail("Error! Failed writing data for key " + e.key + ": " + answer.err().text);
    in.line("Imported: " + e.key);
  }
  return 0;
}

} // namespace

void add_kv_transfer_commands(command_list& to) {
  to.push_back({"kv export", "Exports a tree from the KV store as JSON", "[KEY_OR_PREFIX]",
                "  Prints all keys with a prefix as JSON that \"kv import\" reads, here or in another\n  cluster.",
                client_and_server, {namespace_flag()}, run_export});
  to.push_back({"kv import", "Imports a tree stored as JSON to the KV store", "[DATA]",
                "  Writes the keys that \"kv export\" printed. DATA is the JSON itself, @FILE, or -\n  for the standard input.",
                client_and_server, {namespace_flag()}, run_import});
}

} // namespace actord::cli
