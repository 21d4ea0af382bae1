// A snapshot that a real Consul 1.8.7 wrote: every record is decoded into its model, encoded again to the same bytes, and
// compared with what that server's HTTP API showed.
#include "runtime/base/json_codec.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/acl.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/config_entry.hpp"
#include "storage/model/connect_ca.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/federation_state.hpp"
#include "storage/model/intention.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"
#include "storage/model/snapshot_records.hpp"
#include "tests/support/tests_folder.hpp"
#include <cstring>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <zlib.h>

using namespace actord;

namespace {

std::string fixture(const char* name) { return actord::test::tests_folder() + "/storage/model/fixtures/" + name; }

rapidjson::Document parse_json(const std::string& text) {
  rapidjson::Document d;
  d.Parse(text.data(), text.size());
  REQUIRE_FALSE(d.HasParseError());
  return d;
}

std::string gunzip(const std::string& path) {
  auto* in = ::gzopen(path.c_str(), "rb");
  REQUIRE(in != nullptr);
  std::string out(1 << 20, '\0');
  auto n = ::gzread(in, out.data(), static_cast<unsigned>(out.size()));
  REQUIRE(n > 0);
  out.resize(static_cast<size_t>(n));
  ::gzclose(in);
  return out;
}

// The file of that name in a tar of small regular files.
std::string tar_member(const std::string& tar, const std::string& name) {
  for (size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    size_t size = std::stoull(tar.substr(at + 124, 11), nullptr, 8);
    if (tar.c_str() + at == name) return tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return {};
}

struct raw_record {
  uint8_t type = 0;
  std::string body;
};
std::vector<raw_record> records_of(const std::string& state) {
  std::vector<raw_record> out;
  msgpack_reader r(state);
  r.skip(); // the header
  while (r.ok() && !r.at_end()) {
    auto type = static_cast<uint8_t>(*r.position());
    // The type byte is below 0x80, a small number to the reader.
    r.skip();
    auto* from = r.position();
    r.skip();
    out.push_back({type, std::string(from, r.position())});
  }
  REQUIRE(r.ok());
  return out;
}

// The API's handlers show `[]` where a record's tags are nil.
template <class Record> rapidjson::Document shown(Record r) {
  if constexpr (std::is_same_v<Record, node_service>) r.tags.set = true;
  if constexpr (std::is_same_v<Record, health_check>) r.service_tags.set = true;
  return parse_json(to_json(r));
}

template <class T> std::string again(std::string_view body) {
  T record;
  REQUIRE(from_msgpack(body, record));
  return to_msgpack(record);
}

std::string reencode(const raw_record& r) {
  switch (static_cast<snapshot_record>(r.type)) {
  case snapshot_record::registration: return again<register_request>(r.body);
  case snapshot_record::kv:
  case snapshot_record::tombstone: return again<kv_entry>(r.body);
  case snapshot_record::session: return again<session_record>(r.body);
  case snapshot_record::coordinates: return again<list_of<coordinate_record>>(r.body);
  case snapshot_record::prepared_query: return again<prepared_query>(r.body);
  case snapshot_record::autopilot: return again<autopilot_config>(r.body);
  case snapshot_record::intention: return again<intention_record>(r.body);
  case snapshot_record::ca_root: return again<ca_root>(r.body);
  case snapshot_record::ca_provider_state: return again<ca_provider_state>(r.body);
  case snapshot_record::ca_configuration: return again<ca_configuration>(r.body);
  case snapshot_record::index: return again<index_record>(r.body);
  case snapshot_record::acl_token: return again<acl_token>(r.body);
  case snapshot_record::acl_policy: return again<acl_policy>(r.body);
  case snapshot_record::acl_role: return again<acl_role>(r.body);
  case snapshot_record::acl_binding_rule: return again<acl_binding_rule>(r.body);
  case snapshot_record::acl_auth_method: return again<acl_auth_method>(r.body);
  case snapshot_record::chunking: return again<chunking_state>(r.body);
  case snapshot_record::federation_state: return again<federation_state_request>(r.body);
  case snapshot_record::config: {
    auto entry = decode_config_entry(msgpack_reader(r.body).raw());
    REQUIRE(entry.ok());
    std::string out;
    msgpack_writer(out).raw(encode_config_entry(*entry));
    return out;
  }
  }
  return {};
}

// Go writes the keys of a map in random order. Sorted here, wherever a map has more than one key; byte strings that hold
// msgpack themselves (config entries) are opened.
std::string sorted(std::string_view body) {
  free_value v;
  msgpack_reader r(body);
  msgpack_decode_free(r, v);
  if (auto* o = std::get_if<free_value::object>(&v.v); o && o->contains("Entry"))
    if (auto* wrapped = std::get_if<std::string>(&(*o)["Entry"].v)) *wrapped = sorted(*wrapped);
  std::string out;
  msgpack_writer w(out);
  msgpack_encode_free(w, v);
  return out;
}
std::string sorted_entry(std::string_view body) {
  msgpack_reader outer(body);
  msgpack_reader r(outer.raw());
  r.skip(); // the kind
  return sorted(std::string_view(r.position(), r.remaining()));
}

const std::vector<raw_record>& fixture_records() {
  static const auto records = records_of(tar_member(gunzip(fixture("consul-1.8.7.snap")), "state.bin"));
  return records;
}

const rapidjson::Document& dumps() {
  static const auto d = [] {
    std::ifstream in(fixture("consul-1.8.7.snap.json"));
    std::stringstream text;
    text << in.rdbuf();
    return parse_json(text.str());
  }();
  return d;
}
const json_node& http(const char* path) { return dumps()["http"][path]; }

std::string text_of(const json_node& n) {
  rapidjson::StringBuffer b;
  rapidjson::Writer<rapidjson::StringBuffer> w(b);
  n.Accept(w);
  return b.GetString();
}

} // namespace

TEST_CASE("every record of a real snapshot is encoded to the bytes that it was read from") {
  auto& records = fixture_records();
  CHECK(records.size() == 98);
  size_t identical = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    auto& r = records[i];
    CAPTURE(i);
    CAPTURE(int(r.type));
    auto ours = reencode(r);
    CHECK(ours.size() == r.body.size());
    if (ours == r.body) {
      ++identical;
    } else if (static_cast<snapshot_record>(r.type) == snapshot_record::config) {
      CHECK(sorted_entry(ours) == sorted_entry(r.body));
    } else {
      CHECK(sorted(ours) == sorted(r.body));
    }
  }
  CHECK(identical >= 70); // the others have maps of several keys
}

TEST_CASE("records show the JSON that the server's HTTP API showed") {
  size_t kv = 0, nodes = 0, services = 0, checks = 0;
  for (auto& r : fixture_records()) {
    if (static_cast<snapshot_record>(r.type) == snapshot_record::kv) {
      kv_entry e;
      REQUIRE(from_msgpack(r.body, e));
      auto ours = shown(e);
      for (auto& theirs : http("/v1/kv/?recurse").GetArray())
        if (theirs["Key"] == ours["Key"]) {
          CHECK(text_of(ours) == text_of(theirs));
          ++kv;
        }
    }
    if (static_cast<snapshot_record>(r.type) != snapshot_record::registration) continue;
    register_request reg;
    REQUIRE(from_msgpack(r.body, reg));
    if (reg.service) {
      auto ours = shown(*reg.service);
      auto& services_there = http(("/v1/catalog/node/" + reg.node).c_str())["Services"];
      REQUIRE(services_there.HasMember(reg.service->id.c_str()));
      CAPTURE(text_of(ours));
      CAPTURE(text_of(services_there[reg.service->id.c_str()]));
      CHECK(ours == services_there[reg.service->id.c_str()]);
      ++services;
    } else if (reg.check) {
      auto ours = shown(*reg.check);
      for (auto& theirs : http("/v1/health/state/any").GetArray())
        if (theirs["Node"] == ours["Node"] && theirs["CheckID"] == ours["CheckID"]) {
          CHECK(text_of(ours) == text_of(theirs));
          ++checks;
        }
    } else {
      node_record n{reg.id, reg.node, reg.address, reg.datacenter, reg.tagged_addresses, reg.node_meta, reg.create_index, reg.modify_index};
      auto ours = shown(n);
      for (auto& theirs : http("/v1/catalog/nodes").GetArray())
        if (theirs["Node"] == ours["Node"]) {
          CAPTURE(text_of(ours));
          CHECK(ours == theirs);
          ++nodes;
        }
    }
  }
  CHECK(kv == 7);
  CHECK(nodes == 5);
  CHECK(services >= 6);
  CHECK(checks >= 4);
}
