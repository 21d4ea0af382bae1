// Every record of a real Consul 1.8.7 snapshot decodes into our description and encodes to the same bytes.
#include "runtime/base/json_codec.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/acl.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/config_entry.hpp"
#include "storage/model/connect.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/federation.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"
#include <doctest/doctest.h>
#include <map>
#include <zlib.h>

using namespace actord;

namespace {

std::string gunzip(const std::string& path) {
  gzFile f = gzopen(path.c_str(), "rb");
  REQUIRE(f != nullptr);
  std::string out;
  char buf[65536];
  for (int n; (n = gzread(f, buf, sizeof buf)) > 0;) out.append(buf, static_cast<size_t>(n));
  gzclose(f);
  return out;
}

std::string member(const std::string& tar, const std::string& name) {
  for (size_t at = 0; at + 512 <= tar.size() && tar[at] != 0;) {
    auto size = std::stoul(tar.substr(at + 124, 11), nullptr, 8);
    if (tar.compare(at, name.size() + 1, name + std::string(1, '\0')) == 0) return tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  FAIL("no " << name << " in the archive");
  return {};
}

free_value tree(std::string_view bytes) {
  msgpack_reader r(bytes);
  free_value out;
  msgpack_decode_free(r, out);
  CHECK(r.ok());
  return out;
}

// The same bytes; or, since Go writes the pairs of a map in random order, the same tree in as many bytes.
void check_same(std::string_view original, const std::string& ours) {
  CHECK(original.size() == ours.size());
  if (original != ours) CHECK(tree(original) == tree(ours));
}

template <class T> std::string again(std::string_view bytes) {
  T record;
  REQUIRE(from_msgpack(bytes, record));
  std::string out;
  msgpack_encode(out, record, {.bytes = true});
  return out;
}

std::string config_entry_again(std::string_view inner, std::string& kind) {
  msgpack_reader r(inner);
  kind = r.raw();
  std::string_view request(r.position(), r.remaining());
  std::string out;
  msgpack_writer(out).raw(kind);
  if (kind == "service-defaults") return out + again<config_entry_request<service_defaults>>(request);
  if (kind == "service-router") return out + again<config_entry_request<service_router>>(request);
  if (kind == "service-splitter") return out + again<config_entry_request<service_splitter>>(request);
  if (kind == "service-resolver") return out + again<config_entry_request<service_resolver>>(request);
  if (kind == "ingress-gateway") return out + again<config_entry_request<ingress_gateway>>(request);
  if (kind == "terminating-gateway") return out + again<config_entry_request<terminating_gateway>>(request);
  REQUIRE(kind == "proxy-defaults");
  config_entry_request<std::string> outer;
  REQUIRE(from_msgpack(request, outer));
  check_same(outer.entry, again<proxy_defaults>(outer.entry));
  return out + to_msgpack(outer);
}

using codec = std::string (*)(std::string_view);
const std::map<int, codec> codecs = {
    {0, again<register_request>}, {2, again<kv_entry>},         {3, again<session_record>},     {5, again<kv_entry>},
    {7, again<prepared_query>},   {9, again<autopilot_config>}, {12, again<intention>},         {13, again<ca_root>},
    {14, again<ca_provider_state>}, {15, again<ca_configuration>}, {16, again<index_record>},   {17, again<acl_token>},
    {19, again<acl_policy>},      {23, again<acl_role>},        {25, again<acl_binding_rule>},  {27, again<acl_auth_method>},
    {29, again<chunking_state>},  {30, again<federation_state_request>}, {6, again<list_of<coordinate_record>>},
};

} // namespace

TEST_CASE("all 98 records of a real snapshot re-encode to the bytes they came from") {
  auto state = member(gunzip(ACTORD_TESTS_DIR "/storage/model/fixtures/consul-1.8.7.snap"), "state.bin");
  msgpack_reader r(state);
  r.skip(); // the header
  std::map<int, int> seen;
  std::map<std::string, int> kinds;
  while (!r.at_end() && r.ok()) {
    int type = static_cast<unsigned char>(*r.position());
    msgpack_reader body(std::string_view(r.position() + 1, r.remaining() - 1));
    auto start = body.position();
    body.skip();
    REQUIRE(body.ok());
    std::string_view bytes(start, static_cast<size_t>(body.position() - start));
    CAPTURE(type);
    ++seen[type];
    if (type == 22) {
      msgpack_reader raw(bytes);
      auto inner = raw.raw();
      std::string kind;
      auto ours = config_entry_again(inner, kind);
      ++kinds[kind];
      CAPTURE(kind);
      CHECK(inner.size() == ours.size());
      msgpack_reader a(inner), b(ours);
      CHECK(a.raw() == b.raw());
      check_same({a.position(), a.remaining()}, std::string(b.position(), b.remaining()));
    } else {
      REQUIRE(codecs.count(type) == 1);
      check_same(bytes, codecs.at(type)(bytes));
    }
    r = msgpack_reader({body.position(), body.remaining()});
  }
  int total = 0;
  for (auto [type, count] : seen) total += count;
  CHECK(total == 98);
  CHECK(seen[0] == 21);
  CHECK(kinds.size() == 7);
}
