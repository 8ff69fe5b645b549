import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.StringJoiner;
import org.apache.lucene.analysis.core.KeywordAnalyzer;
import org.apache.lucene.queryparser.classic.ParseException;
import org.apache.lucene.queryparser.classic.QueryParser;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.Query;

/**
 * Lucene's classic query parser as a filter: reads lines of "AND " or "OR " (the default operator) and a query text in
 * Base64, writes for each a line of JSON: what the parser hands on, before any analysis, or {"error": ...}.
 *
 * Only the hooks which Elasticsearch's query_string overrides as well are replaced, so that grammar, clause marking,
 * chunks and escapes are Lucene's own.
 */
public final class ClassicParser extends QueryParser {
    /** Stands for "no number behind the tilde". */
    private static final float AUTOMATIC = 0.125f;

    private ClassicParser(Operator operator) {
        super("", new KeywordAnalyzer());
        setDefaultOperator(operator);
        setAllowLeadingWildcard(true);
        setAutoGeneratePhraseQueries(false);
        setSplitOnWhitespace(false);
        setFuzzyMinSim(AUTOMATIC);
    }

    /** What a hook was called with, as JSON, travelling through Lucene in the shape of a query. */
    private static final class Leaf extends Query {
        private final String json;

        Leaf(String kind, String field, Object... members) {
            StringJoiner object = new StringJoiner(",", "{", "}");
            object.add("\"kind\":" + quoted(kind)).add("\"field\":" + quoted(field));
            for (int index = 0; index < members.length; index += 2) {
                Object value = members[index + 1];
                object.add(quoted((String) members[index]) + ":" + (value instanceof String ? quoted((String) value) : value));
            }
            json = object.toString();
        }

        @Override
        public String toString(String field) {
            return json;
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    @Override
    protected Query getFieldQuery(String field, String text, boolean quoted) {
        return new Leaf(quoted ? "phrase" : "words", field, "text", text, "slop", 0);
    }

    @Override
    protected Query getFieldQuery(String field, String text, int slop) {
        return new Leaf("phrase", field, "text", text, "slop", slop);
    }

    @Override
    protected Query getRangeQuery(String field, String low, String high, boolean includeLow, boolean includeHigh) {
        return new Leaf("range", field, "low", low, "high", high, "include_low", includeLow, "include_high", includeHigh);
    }

    @Override
    protected Query getFuzzyQuery(String field, String text, float similarity) {
        return new Leaf("fuzzy", field, "text", text, "edits", similarity == AUTOMATIC ? null : (Object) similarity);
    }

    @Override
    protected Query getPrefixQuery(String field, String text) {
        return new Leaf("prefix", field, "text", text);
    }

    @Override
    protected Query getWildcardQuery(String field, String pattern) {
        return new Leaf("wildcard", field, "pattern", pattern);
    }

    @Override
    protected Query getRegexpQuery(String field, String pattern) {
        return new Leaf("regex", field, "pattern", pattern);
    }

    private static String json(Query query) {
        if (query instanceof BoostQuery) {
            BoostQuery boost = (BoostQuery) query;
            return "{\"kind\":\"boost\",\"node\":" + json(boost.getQuery()) + ",\"factor\":" + boost.getBoost() + "}";
        }
        if (!(query instanceof BooleanQuery)) {
            return query.toString("");
        }
        StringJoiner clauses = new StringJoiner(",", "{\"kind\":\"boolean\",\"clauses\":[", "]}");
        for (BooleanClause clause : (BooleanQuery) query) {
            clauses.add("[" + quoted(clause.getOccur().name()) + "," + json(clause.getQuery()) + "]");
        }
        return clauses.toString();
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char sign : text.toCharArray()) {
            if (sign == '"' || sign == '\\') {
                out.append('\\').append(sign);
            } else if (sign < 0x20 || sign > 0x7e) {
                out.append(String.format("\\u%04x", (int) sign));
            } else {
                out.append(sign);
            }
        }
        return out.append('"').toString();
    }

    private static String answer(String line) {
        String[] parts = line.split(" ", 2);
        String text = new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8);
        try {
            return json(new ClassicParser(Operator.valueOf(parts[0])).parse(text));
        } catch (ParseException | RuntimeException error) {
            return "{\"error\":" + quoted(String.valueOf(error.getMessage()).split("\n")[0]) + "}";
        }
    }

    public static void main(String[] arguments) throws IOException {
        BooleanQuery.setMaxClauseCount(Integer.MAX_VALUE);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, false, "US-ASCII");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.println(answer(line));
        }
        out.flush();
    }
}
