#include "server/config/yaml_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseYamlMappingTest, ReadsTextsAndListsWithTheirLines) {
  const YamlMapping mapping = ParseYamlMapping(
      "# a comment\n"
      "---\n"
      "one: 1  # another\n"
      "\n"
      "'two': \"a b\"\n"
      "three: [x, 'y z']\n"
      "four:\n"
      "  - unix:/x\n"
      "  - '[::1]:7'\n");
  EXPECT_EQ(mapping.fault, "");
  ASSERT_EQ(mapping.entries.size(), 4);
  EXPECT_EQ(mapping.entries[0].key, "one");
  EXPECT_EQ(mapping.entries[0].line, 3);
  EXPECT_EQ(mapping.entries[0].shape, YamlEntry::Shape::kText);
  EXPECT_THAT(mapping.entries[0].texts, ElementsAre("1"));
  EXPECT_EQ(mapping.entries[1].key, "two");
  EXPECT_EQ(mapping.entries[1].line, 5);
  EXPECT_THAT(mapping.entries[1].texts, ElementsAre("a b"));
  EXPECT_EQ(mapping.entries[2].shape, YamlEntry::Shape::kList);
  EXPECT_THAT(mapping.entries[2].texts, ElementsAre("x", "y z"));
  EXPECT_EQ(mapping.entries[3].line, 7);
  EXPECT_THAT(mapping.entries[3].texts, ElementsAre("unix:/x", "[::1]:7"));
}

TEST(ParseYamlMappingTest, NoWordIsAnythingButAText) {
  const YamlMapping mapping = ParseYamlMapping("a: off\nb: 0x10\nc: ~\nd:\ne: 1_0\n");
  EXPECT_EQ(mapping.fault, "");
  std::string texts;
  for (const YamlEntry& entry : mapping.entries) absl::StrAppend(&texts, entry.texts[0], ";");
  EXPECT_EQ(texts, "off;0x10;~;;1_0;");
}

TEST(ParseYamlMappingTest, NothingIsAnEmptyMapping) {
  for (const char* document : {"", "\n", "# a comment\n", "---\n", "{}\n"}) {
    const YamlMapping mapping = ParseYamlMapping(document);
    EXPECT_EQ(mapping.fault, "") << document;
    EXPECT_THAT(mapping.entries, IsEmpty()) << document;
  }
}

TEST(ParseYamlMappingTest, KeepsAKeyThatComesTwice) {
  EXPECT_EQ(ParseYamlMapping("a: 1\na: 2\n").entries.size(), 2);
}

TEST(ParseYamlMappingTest, SaysWhatIsWrongAndWhere) {
  struct Case {
    std::string document;
    int line;
    const char* fault;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"threads 4\n", 1, "a text, expected lines NAME: VALUE"},
           {"- threads\n", 1, "a list, expected lines NAME: VALUE"},
           {"a: 1\nb: {c: 1}\n", 2, "b: a mapping, expected a text or a list"},
           {"a: &x 1\nb: *x\n", 2, "b: an alias, expected a text or a list"},
           {"a: [1,\n  [2]]\n", 2, "a: a list in a list, expected a text"},
           {"a: 1\n? [b]\n: 2\n", 2, "a list, expected a name"},
           {"a: 1\n---\nb: 2\n", 2, "a second document begins, expected one"},
           {"a: 1\n  b: 2\n", 2, "no YAML: mapping values are not allowed in this context"},
           {"a: 1\nb: 'x\n", 3, "no YAML: found unexpected end of stream"},
           {"a: [x, y\n", 2, "no YAML: did not find expected ',' or ']'"},
           {"a: 1\n\tb: 2\n", 2, "no YAML: found a tab character that violates indentation"},
           {"a: 1\nb: \xff\n", 2, "no YAML: invalid leading UTF-8 octet"},
           {std::string("a: 1\nb: \0\n", 10), 2, "no YAML: control characters are not allowed"},
       }) {
    const YamlMapping mapping = ParseYamlMapping(one.document);
    EXPECT_THAT(mapping.fault, HasSubstr(one.fault)) << one.document;
    EXPECT_EQ(mapping.fault_line, one.line) << one.document;
  }
}

TEST(ParseYamlMappingTest, StopsAtWhatIsNestedDeeply) {
  EXPECT_THAT(ParseYamlMapping("a: " + std::string(size_t{1} << 20, '[')).fault,
              HasSubstr("a: a list in a list"));
  EXPECT_THAT(ParseYamlMapping(std::string(size_t{1} << 20, '{')).fault,
              HasSubstr("a mapping, expected a name"));
}

TEST(YamlScalarTest, IsReadBackInAMappingAndInAList) {
  for (const char* text : {"64MiB",
                           "0.0.0.0:50051",
                           "[::1]:7",
                           "unix:/a b",
                           "unix:/a # b",
                           "a: b",
                           "-",
                           "- a",
                           "",
                           " ",
                           "x:",
                           "'",
                           "\"",
                           "\\",
                           "a\tb\nc",
                           "*x",
                           "&x",
                           "!x",
                           "%x",
                           "@x",
                           "`",
                           "{",
                           "a, b",
                           "?",
                           "|",
                           "grüße",
                           "\x7f",
                           "-1"}) {
    const std::string scalar = YamlScalar(text);
    const YamlMapping mapping =
        ParseYamlMapping(absl::StrCat("a: ", scalar, "  # c\nb: [", scalar, ", ", scalar, "]\n"));
    EXPECT_EQ(mapping.fault, "") << scalar;
    ASSERT_EQ(mapping.entries.size(), 2) << scalar;
    EXPECT_THAT(mapping.entries[0].texts, ElementsAre(text));
    EXPECT_THAT(mapping.entries[1].texts, ElementsAre(text, text));
  }
}

TEST(YamlScalarTest, HasNoQuotesWhereItNeedsNone) {
  EXPECT_EQ(YamlScalar("64MiB"), "64MiB");
  EXPECT_EQ(YamlScalar("unix:/run/lossd.sock"), "unix:/run/lossd.sock");
}

}  // namespace
}  // namespace lossd
