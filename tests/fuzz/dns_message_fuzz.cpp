// Any packet as a question: parsed, answered over UDP and TCP, and as a recursor's answer.
#include "api/dns/core/answer.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::dns;

namespace {

struct small_directory : directory {
  endpoint_list all = [] {
    auto out = std::make_shared<std::vector<endpoint>>();
    for (int i = 0; i < 40; ++i) {
      auto& e = out->emplace_back();
      e.node.name = "n" + std::to_string(i);
      append_labels(e.node.labels, e.node.name);
      e.node.address = address_of_text(i % 7 == 0 ? "web.service.consul" : i % 5 == 0 ? "elsewhere.example.com" : "10.0.0." + std::to_string(i));
      e.node.txt.push_back(txt_of_meta("key", "value"));
      if (i % 3 == 0) e.address = address_of_text("fd00::" + std::to_string(i));
    }
    return out;
  }();
  endpoint_list instances(std::string_view, bool) override { return all; }
  found_query prepared_query(std::string_view name, const query_source&) override { return {name.size() % 3 ? all : nullptr, "web", {}}; }
  std::shared_ptr<const node_facts> node(std::string_view name) override {
    return name.size() % 2 ? std::make_shared<node_facts>((*all)[name.size() % all->size()].node) : nullptr;
  }
  std::string node_of_address(std::string_view) override { return {}; }
  std::string service_of_address(std::string_view) override { return "web"; }
  bool can_answer() override { return true; }
  const std::vector<foreign_record>* resolved(std::string_view, uint16_t) override { return nullptr; }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static small_directory d;
  static settings s;
  static prng random(1);
  static responder r(s, d, random);
  static std::vector<uint8_t> buffer(max_message);
  static writer w(buffer);
  byte_view packet(bytes, size);
  query q;
  if (parse_query(packet, q) == verdict::ok)
    for (bool udp : {true, false})
      if (r.respond(q, udp, 1, w) == outcome::answered && !w.fits()) std::abort();
  std::vector<foreign_record> records;
  (void)parse_records(packet, 64, records);
  rcode code;
  (void)answers_question(packet, packet, code);
  return 0;
}
