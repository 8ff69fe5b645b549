import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.util.automaton.CharacterRunAutomaton;
import org.apache.lucene.util.automaton.RegExp;

/** Lines in, lines out, every text in base64: `tokens TEXT` answers its tokens, `regex PATTERN TERM` true or false. */
public class LuceneTerms {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        try (StandardAnalyzer analyzer = new StandardAnalyzer()) {
            for (String line; (line = in.readLine()) != null; ) {
                String[] parts = line.split(" ", -1);
                out.println(parts[0].equals("tokens") ? tokens(analyzer, text(parts[1])) : matches(text(parts[1]), text(parts[2])));
            }
        }
    }

    private static String text(String encoded) {
        return new String(Base64.getDecoder().decode(encoded), StandardCharsets.UTF_8);
    }

    private static String tokens(StandardAnalyzer analyzer, String text) throws Exception {
        StringBuilder found = new StringBuilder();
        try (TokenStream stream = analyzer.tokenStream("field", text)) {
            CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
            stream.reset();
            while (stream.incrementToken()) {
                found.append(found.length() == 0 ? "" : " ").append(term);
            }
            stream.end();
        }
        return found.toString();
    }

    private static String matches(String pattern, String term) {
        try {
            return "" + new CharacterRunAutomaton(new RegExp(pattern, RegExp.ALL).toAutomaton()).run(term);
        } catch (RuntimeException | StackOverflowError refused) {
            return "refused";
        }
    }
}
