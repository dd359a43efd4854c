"""Texts of our own for those who have none at hand: name to text, the last one long enough for an arc."""

from typing import Final

EXAMPLES: Final = {
    "A letter of regret": (
        "I have begun this letter four times and burned it four times. I was wrong to leave you on the "
        "platform without a word, and every winter since I have been ashamed of it. You waved, and I turned "
        "away, because I could not bear to see you cry. They tell me the house is sold and that you kept the "
        "clock. I am glad of the clock. I do not ask you to forgive me; I only wish you to know that I am "
        "sorry, and that I have never once been happy in the rooms I chose instead of ours."
    ),
    "An abstract": (
        "Tidal flats lose and regain sediment within hours, yet most models of coastal change average over "
        "seasons. We measured bed height at forty stations on a sheltered estuary every ten minutes for two "
        "years, using low-cost pressure sensors. A simple balance between wave stress and settling explains "
        "81% of the variance at exposed stations, but only 34% behind the salt marsh, where roots hold the "
        "mud. The results suggest that a marsh edge a few metres wide does most of the work of protection. "
        "We release the measurements and the code."
    ),
    "A ghost on the stairs": (
        "The third stair creaked, as it had every night at ten past two. Nobody lived above us. My brother "
        "said it was the wood settling and pulled the blanket over his head, but his voice shook. I counted "
        "the steps: four, five, six. Then they stopped outside our door, and the handle began to turn, very "
        "slowly, as if whoever held it was afraid of waking us. I could not scream. I saw the light of a "
        "candle under the door, and I knew that no one in the house owned a candle."
    ),
    "Good news from the harbour": (
        "Come down quickly, the boats are in! All eleven of them, flags up, and old Marta laughing so hard "
        "that she dropped the bread. We had given up hope on Sunday and here they are, sunburnt and singing. "
        "The children ran straight into the water in their shoes. Thank you, thank you for lending us the "
        "lamp; they say they saw it from nine miles out. There will be dancing tonight and nobody will be "
        "sensible until Thursday."
    ),
    "A story with an arc": """\
The ferry put us down on the last fine morning of September, my daughter and me, four trunks and a goat \
that nobody had ordered. The island was all light. Nela ran ahead through the heather, shouting the name \
of everything she knew and inventing names for the rest, and the keeper we had come to relieve shook my \
hand with both of his and could not stop smiling. He showed me the lamp, the oil, the logbook, the shelf \
of bread tins. "You will love it," he said, and I believed him. That evening we ate blackberries on the \
step and watched the beam go round. I was so happy that I was almost embarrassed by it.

October was kind. We painted the door blue. Nela taught the goat to climb the wall and laughed until she \
had the hiccups. She wanted to know where the birds went, who had built the tower, why the sea was louder \
at night, and I looked everything up in the one book we had and made up what was not in it. On Sundays we \
lit the stove early and danced in our socks. I wrote to my sister that I had never slept so well, and that \
I was grateful to her for talking me into it.

In November the wind turned. The supply boat did not come on the fourth, nor on the eleventh. I counted \
the tins and told Nela that it was a game. At night something struck the rocks below the tower, again and \
again, with a sound like a door; in the morning there was nothing there. I did not tell her that the oil \
was low. I began to wake at every gust and to lie there listening, afraid to move, afraid that she would \
hear me being afraid.

Then she was ill. It began with a cough and by midnight she was burning. She did not know me. She called \
for her mother, who had been dead for two years, and asked her to shut the window because the birds were \
coming in. I wet cloths and changed them. I rowed out at dawn to look for any sail at all, and the waves \
threw me back against the slip and broke an oar, and I screamed at the sea until I had no voice. It was my \
fault. I had brought her here. I had wanted the quiet, and the light, and I had not thought for one moment \
of what a child is worth beside them.

On the third night the oil ran out. I sat in the dark beside her bed and held her hand, which weighed \
nothing, and I cried as I had not cried at the funeral. I thought of the blue door. I thought of the \
little socks on the line. I told her stories, the same ones, over and over, because I had the terrible \
feeling that as long as I was telling them she would stay to hear the end. The goat lay down across my \
feet and did not move until morning.

The lamp had been dark for one night, and that was what saved us. A trawler skipper eleven miles out had \
steered by that light for thirty years; when it was not there he swore, put about, and came to see who had \
died. He walked up the path in his yellow coat as if he had walked out of one of my stories. He had a box \
with a red cross on it, and a nephew who had studied to be a nurse and given it up for the herring. They \
boiled water. They gave her something from a brown bottle. They would not let me thank them.

Towards evening the fever broke. She opened her eyes, looked at the two enormous men asleep on our floor, \
and asked whether they were staying for supper. I laughed so hard that I woke them. I have never heard a \
better question. We ate the last tin of peaches, all five of us, counting the goat, and passed round the \
one spoon.

We stayed on, in the end. The boat comes every week now, whatever the weather; the skipper sees to that. \
There is a bell on the slip, and a barrel of oil that I check each morning before I do anything else. Nela \
is taller than the goat's wall. Last night she asked me whether I had been frightened that time, and I \
said yes, more than I had words for. She thought about it. Then she took my hand, quite calmly, as one \
does with a child, and said that next time I should tell her, and we would be frightened together.""",
}
