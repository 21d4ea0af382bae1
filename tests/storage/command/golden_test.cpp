// Bytes of commands as they stand in the logs of every version that was ever released: they decode for ever. New lines
// are appended to tests/golden/commands/commands.txt; old ones are never changed.
#include "runtime/base/json_codec.hpp"
#include "runtime/base/quote.hpp"
#include "storage/command/operation.hpp"
#include "storage/command/table.hpp"
#include "tests/support/tests_folder.hpp"
#include <doctest/doctest.h>
#include <fstream>
#include <set>
#include <sstream>

using namespace actord;

namespace {

std::string hex_of(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}
std::string bytes_of(std::string_view hex) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

template <class Record> std::string as_json(std::string_view body) {
  Record r;
  REQUIRE(from_msgpack(body, r));
  return to_json(r);
}
std::string decoded(std::string_view command) {
  std::string out = "unknown";
  with_row_of(static_cast<command_kind>(command[0]), [&](const auto& row) { out = as_json<record_of<decltype(row)>>(command.substr(1)); });
  return out;
}

query_request sample_query() {
  query_request r;
  r.datacenter = "dc1";
  r.op = "create";
  auto& q = r.query.emplace();
  q.id = "bdf4238a-882b-9ddc-4a9d-5b6758e4159e";
  q.name = "geo-";
  q.pattern.type = "name_prefix_match";
  q.service.service = "${name.suffix}";
  q.service.failover.nearest_n = 2;
  q.service.tags = {"!old"};
  q.dns.ttl = "10s";
  return r;
}

std::vector<std::pair<std::string, std::string>> samples() {
  register_request reg;
  reg.datacenter = "dc1";
  reg.id = "11111111-2222-3333-4444-555555555555";
  reg.node = "n1";
  reg.address = "10.0.0.1";
  reg.node_meta = string_table(std::map<std::string, std::string, std::less<>>{{"rack", "r1"}});
  node_service s;
  s.id = "web-1";
  s.service = "web";
  s.tags = {"a", "b"};
  s.port = 8080;
  s.weights = service_weights{10, 1};
  reg.service = s;
  health_check c;
  c.node = "n1";
  c.check_id = "c1";
  c.name = "a check";
  c.status = "passing";
  c.service_id = "web-1";
  c.definition.http = "http://localhost/";
  c.definition.interval = std::chrono::seconds(10);
  reg.checks = {c};
  txn_request txn;
  txn.datacenter = "dc1";
  txn_op op;
  op.kv = txn_kv_op{"cas", {0, "k", 1, "v", "", 0, 7}};
  txn_op node;
  node.node = txn_node_op{"get", {}};
  node.node->node.node = "n1";
  txn.ops = {op, node};
  autopilot_request autopilot;
  autopilot.datacenter = "dc1";
  autopilot.config.cleanup_dead_servers = true;
  autopilot.config.last_contact_threshold = std::chrono::milliseconds(200);
  autopilot.config.max_trailing_logs = 250;
  autopilot.config.server_stabilization_time = std::chrono::seconds(10);
  autopilot.config.modify_index = 17;
  autopilot.cas = true;
  session_request session;
  session.datacenter = "dc1";
  session.op = session_create;
  session.session.id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
  session.session.node = "n1";
  session.session.lock_delay = std::chrono::seconds(15);
  session.session.behavior = session_behavior_release;
  session.session.ttl = "20s";
  session.session.node_checks = {"serfHealth"};
  lock_delay_request ended;
  ended.datacenter = "dc1";
  ended.ended.push_back({"locks/x", 17});
  list_of<coordinate_record> coordinates;
  auto& there = coordinates.emplace_back();
  there.node = "n1";
  there.coord.vec = {0.5, 0, 0, 0, 0, 0, 0, 0};
  there.coord.error = 1.5;
  return {{"kv-set", encode_kv_command(kv_set, "app/name", "value", 42)},
          {"kv-cas-empty", encode_kv_command(kv_cas, "k", "", 0, 300)},
          {"kv-lock", encode_kv_command(kv_lock, "k", "v", 0, 0, "adf4238a-882b-9ddc-4a9d-5b6758e4159e")},
          {"register", encode_command(command_kind::catalog_register, reg)},
          {"deregister", encode_command(command_kind::catalog_deregister, deregister_request{"dc1", "n1", "web-1", "", ""})},
          {"reap", encode_command(command_kind::tombstone_reap, tombstone_request{"dc1", "reap", 1000})},
          {"txn", encode_command(command_kind::txn, txn)},
          {"autopilot", encode_command(command_kind::autopilot_set, autopilot)},
          {"session", encode_command(command_kind::session, session)},
          {"coordinates", encode_command(command_kind::coordinate_batch_update, coordinates)},
          {"session-renew", encode_command(command_kind::session_renew, session_renewal{"adf4238a-882b-9ddc-4a9d-5b6758e4159e"})},
          {"prepared-query", encode_command(command_kind::prepared_query, sample_query())},
          {"lock-delay-reap", encode_command(lock_delay_reap, ended)}};
}

} // namespace

TEST_CASE("commands of every released version decode to what they meant") {
  std::ifstream in(actord::test::tests_folder() + "/golden/commands/commands.txt");
  std::string line;
  size_t n = 0;
  std::map<std::string, std::string> current;
  std::set<const command_row*> of_old, of_today;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name, hex, json;
    fields >> name >> hex >> std::ws;
    std::getline(fields, json);
    CAPTURE(name);
    CHECK(decoded(bytes_of(hex)) == json);
    of_old.insert(row_of(bytes_of(hex)));
    current[name] = hex;
    ++n;
  }
  CHECK(n >= 7);
  // Today's encoder still writes the newest form.
  for (auto& [name, bytes] : samples()) {
    CAPTURE(name);
    if (auto* rewrite = std::getenv("ACTORD_PRINT_GOLDEN")) std::ofstream(rewrite, std::ios::app) << name << ' ' << hex_of(bytes) << ' ' << decoded(bytes) << '\n';
    CHECK(current[name] == hex_of(bytes));
    of_today.insert(row_of(bytes));
  }
  for (const auto* row : command_rows()) {
    CAPTURE(row->name);
    CHECK(of_old.contains(row));
    CHECK(of_today.contains(row));
  }
}

TEST_CASE("the fast encoder of key commands writes what the record's description gives") {
  kv_request r{"", "cas", {0, "k", 3, "v", "s", 0, 9}, ""};
  CHECK(encode_kv_command(kv_cas, "k", "v", 3, 9, "s") == encode_command(command_kind::kv, r));
}

TEST_CASE("a command's operation is read off its bytes, and off no others") {
  CHECK(op_of(encode_kv_command("delete-tree", "a", std::string(70000, 'x'), 1)) == "delete-tree");
  session_request destroy;
  destroy.op = session_destroy;
  destroy.session.id = "Op";
  CHECK(op_of(encode_command(command_kind::session, destroy)) == "destroy");
  CHECK(op_of(encode_command(command_kind::tombstone_reap, tombstone_request{"dc1", "reap", 7})) == "reap");
  CHECK(op_of(encode_command(command_kind::catalog_deregister, deregister_request{})) == "");
  CHECK(op_of(encode_command(command_kind::coordinate_batch_update, list_of<coordinate_record>{})) == "");
  const auto whole = encode_kv_command("cas", "key", "value");
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto cut = op_of(std::string_view(whole).substr(0, n));
    CHECK((cut == "" || cut == "cas"));
  }
}

TEST_CASE("names are quoted as Go quotes them") {
  CHECK(quote("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(quote("\n\t\x01\x7f") == "\"\\n\\t\\x01\\u007f\"");
  CHECK(quote("k\xc3\xa9y \xff") == "\"k\xc3\xa9y \\xff\"");
}
