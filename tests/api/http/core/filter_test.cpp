#include "api/http/core/filter.hpp"
#include "storage/model/catalog.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

check_service_node instance() {
  check_service_node n;
  n.node.node = "d1";
  n.node.address = "10.6.0.1";
  n.node.meta["rack"] = "r1";
  n.node.meta["a b"] = "x";
  n.service.id = n.service.service = "web";
  n.service.port = 80;
  n.service.tags = {"v1", "v1.2"};
  n.service.meta["env"] = "prod";
  n.service.weights = service_weights{};
  n.service.tagged_addresses["lan"] = {"9.9.9.9", 5};
  health_check c;
  c.status = "passing";
  c.service_tags = {"v1"};
  n.checks = {c};
  return n;
}

// "yes", "no", or the error's text without the words that begin them all.
std::string ask(std::string_view expression) {
  auto f = filter::compile<check_service_node>(expression);
  if (!f) {
    std::string_view prefix = "Failed to create boolean expression evaluator: ", text = f.err().text;
    return text.starts_with(prefix) ? std::string(text.substr(prefix.size())) : "no prefix";
  }
  return f->matches(instance()) ? "yes" : "no";
}

struct row {
  const char* expression;
  const char* answer;
};

} // namespace

TEST_CASE("expressions match as the real Consul's do") {
  const row rows[] = {
      {"", "yes"},
      {"Service.Port == 80", "yes"},
      {"Service.Port==80", "yes"},
      {"Service.Port == \"0x50\"", "yes"},
      {"Service.Port == \"0120\"", "yes"},
      {"Service.Port == \"8_0\"", "yes"},
      {"Service.Port == -4", "no"},
      {"Service.Tags contains v1", "yes"},
      {"\"v1.2\" in Service.Tags", "yes"},
      {"Service.Tags not contains \"v3\"", "yes"},
      {"Service.Tags is empty", "no"},
      {"Service.Tags is not empty", "yes"},
      {"Service.Service contains e", "yes"},
      {"e not in Service.Service", "no"},
      {"Service.Service matches \"^w.*\"", "yes"},
      {"Service.Service not matches `^x`", "yes"},
      {"Service.Meta.env == prod", "yes"},
      {"Service.Meta[\"env\"] == prod", "yes"},
      {"Service[`Port`] == 80", "yes"},
      {"Node.Meta[\"a b\"] == x", "yes"},
      {"env in Service.Meta", "yes"},
      {"Service.Meta.nope == x", "no"},
      {"Service.Meta.nope != x", "yes"},
      {"Service.Meta.nope matches x", "yes"},
      {"Service.Meta.nope contains x", "no"},
      {"Service.TaggedAddresses.lan.Port == 5", "yes"},
      {"Service.TaggedAddresses.wan.Port == 5", "no"},
      {"lan in Service.TaggedAddresses", "yes"},
      {"Checks.Status == passing", "yes"},
      {"Checks.Status != passing", "no"},
      {"Checks.ServiceTags contains v1", "yes"},
      {"Service.Proxy.Upstreams.DestinationName != x", "no"},
      {"Service.Weights.Passing == 1", "yes"},
      {"Service.EnableTagOverride == f", "yes"},
      {"Service.Kind == \"\"", "yes"},
      {"not Service.Port == 80", "no"},
      {"not not Service.Port == 80", "yes"},
      {"((Service.Port == 80))", "yes"},
      {"Service.Port == 1 and Service.Port == 2 or Service.Port == 80", "yes"},
      {"Service.Port == 80 or Service.Port == 1 and Service.Port == 2", "yes"},
      {"(Service.Port == 80 or Service.Port == 1) and Service.Port == 2", "no"},
  };
  for (auto& r : rows) {
    CAPTURE(std::string(r.expression));
    CHECK(ask(r.expression) == r.answer);
  }
}

TEST_CASE("wrong expressions get the real Consul's texts") {
  const row rows[] = {
      {"Foo == 1", "Selector \"Foo\" is not valid"},
      {"Service.Meta.a.b == 1", "Selector \"Service.Meta.a.b\" is not valid"},
      {"Service.CreateIndex == 1", "Selector \"Service.CreateIndex\" is not valid"},
      {"Checks.Definition.HTTP == x", "Selector \"Checks.Definition\" is not valid"},
      {"Service.Proxy.Config is empty", "Selector \"Service.Proxy.Config\" is not valid"},
      {"Service.Connect.SidecarService is empty", "Selector \"Service.Connect.SidecarService\" is not valid"},
      {"service.port == 80", "Selector \"service\" is not valid"},
      {"Service.Tags == x", "Invalid match operator \"Equal\" for selector \"Service.Tags\""},
      {"v1 in Service.Port", "Invalid match operator \"In\" for selector \"Service.Port\""},
      {"Service.Service is empty", "Invalid match operator \"Is Empty\" for selector \"Service.Service\""},
      {"Service is not empty", "Invalid match operator \"Is Not Empty\" for selector \"Service\""},
      {"Service.Port == x", "Failed to coerce value \"x\" for selector \"Service.Port\": strconv.ParseInt: parsing \"x\": invalid syntax"},
      {"Service.Port == 99999999999999999999",
       "Failed to coerce value \"99999999999999999999\" for selector \"Service.Port\": strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
      {"Service.EnableTagOverride == tRUE",
       "Failed to coerce value \"tRUE\" for selector \"Service.EnableTagOverride\": strconv.ParseBool: parsing \"tRUE\": invalid syntax"},
      {"Service.ID matches \"[\"", "Failed to compile regular expression \"[\": error parsing regexp: missing closing ]: `[`"},
      {"Service.ID matches \"a**\"", "Failed to compile regular expression \"a**\": error parsing regexp: invalid nested repetition operator: `**`"},
      {"Service.ID matches \"a)\"", "Failed to compile regular expression \"a)\": error parsing regexp: unexpected ): `a)`"},
      {"Service.ID matches \"(?=a)\"", "Failed to compile regular expression \"(?=a)\": error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
      {"Service.Port", "1:13 (12): no match found, expected: \"!=\", \".\", \"==\", \"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]"},
      {"==", "1:1 (0): no match found, expected: \"(\", \"-\", \"0\", \"\\\"\", \"`\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"},
      {"Service.Port ==", "1:16 (15): no match found, expected: \"-\", \"0\", \"\\\"\", \"`\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"},
      {"Service.Port == 80)", "1:19 (18): no match found, expected: \".\", [ \\t\\r\\n], [0-9] or EOF"},
      {"Service.Port == 80 foo", "1:20 (19): no match found, expected: \"and\", \"or\", [ \\t\\r\\n] or EOF"},
      {"Service.Port == 80 and\n foo", "2:5 (27): no match found, expected: \"!=\", \".\", \"==\", \"[\", [ \\t\\r\\n] or [a-zA-Z0-9_]"},
      {"Service.Port foo", "1:14 (13): no match found, expected: \"!=\", \"==\", \"contains\", \"in\", \"is\", \"matches\", \"not\" or [ \\t\\r\\n]"},
      {"Service.Port not 3", "1:18 (17): no match found, expected: \"contains\", \"in\", \"matches\" or [ \\t\\r\\n]"},
      {"Service.Tags contains v1.2", "1:26 (25): no match found, expected: [a-zA-Z]"},
      {"Service.Port == 0x50", "1:18 (17): rule \"number\": Invalid number literal"},
      {"Service.Port == 5.", "1:18 (17): rule \"number\": Invalid number literal"},
      {"Service.Service == --5", "1:21 (20): no match found, expected: \"0\" or [1-9]"},
      {"v1 in \"x\"", "1:7 (6): rule \"match\": Invalid selector"},
      {"(Service.Port == 80", "1:20 (19): rule \"grouping\": Unmatched parentheses"},
      {"((((Service.Port == 80))", "1:25 (24): rule \"grouping\": Unmatched parentheses"},
      {"Service.Service == \"we", "1:23 (22): rule \"string\": Unterminated string literal"},
      {"Service.Service == \"a\\qb\"", "1:20 (19): rule \"string\": invalid syntax"},
      {"Service.Meta[env] == prod", "1:14 (13): rule \"index\": Invalid index"},
      {"Service.Meta[\"env\" == prod", "1:20 (19): rule \"index\": Unclosed index expression"},
      {"Service.Meta[\"env] == prod", "1:27 (26): rule \"string\": Unterminated string literal\n1:14 (13): rule \"index\": Invalid index"},
  };
  for (auto& r : rows) {
    CAPTURE(std::string(r.expression));
    CHECK(ask(r.expression) == r.answer);
  }
}

TEST_CASE("nesting is refused before the stack is at risk") {
  std::string deep(100000 / 2, '(');
  CHECK(ask(deep + "Service.Port == 80").find("nested too deeply") != std::string::npos);
  std::string nots;
  for (int i = 0; i < 10000; ++i) nots += "not ";
  CHECK(ask(nots + "Service.Port == 80").find("nested too deeply") != std::string::npos);
  CHECK(ask(std::string(1 << 20, ' ')) == "Expression is too long");
}

TEST_CASE("parentheses cost no more than their number") {
  std::string all;
  for (int i = 0; i < 90; ++i) all += "(";
  all += "Service.Port == 80";
  for (int i = 0; i < 90; ++i) all += ")";
  CHECK(ask(all) == "yes");
  all.pop_back();
  CHECK(ask(all).ends_with("rule \"grouping\": Unmatched parentheses"));
}

TEST_CASE("a long chain of conditions needs no deep stack") {
  std::string all = "Service.Port == 1";
  for (int i = 0; i < 2000; ++i) all += " or Service.Port == 1";
  CHECK(ask(all) == "no");
  CHECK(ask(all + " or Service.Port == 80") == "yes");
}

TEST_CASE("all regular expressions of a filter together are bounded") {
  const auto times = [](int count, const std::string& one) {
    std::string all = one;
    for (int i = 1; i < count; ++i) all += " or " + one;
    return ask(all);
  };
  CHECK(times(64, "Service.ID matches `x`") == "no");
  CHECK(times(65, "Service.ID matches `x`") == "Failed to compile regular expression \"x\": all of the filter together are too large");
  const std::string large = "Service.ID matches `((a{30}){30})`";
  CHECK(times(1, large) == "no");
  CHECK(times(30, large).ends_with("all of the filter together are too large"));
  // Before it is compiled: this one has hundreds of ranges per letter, and RE2 says only after a quarter of a second that it is too large.
  std::string classes;
  for (int i = 0; i < 2000; ++i) classes += "\\pL";
  CHECK(times(1, "Service.ID matches `" + classes + "`").ends_with("all of the filter together are too large"));
  CHECK(times(10, "Service.ID matches `\\pL`") == "yes");
  CHECK(times(50, "Service.ID matches `\\pL`").ends_with("all of the filter together are too large"));
}
